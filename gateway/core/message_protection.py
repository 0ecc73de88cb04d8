"""How a message is protected on its way: sealed to a gateway, or in a letter to people, as far as that may be read.

They are literal types, because a slip in one of them lets a child's details out: mypy refuses it.
"""

from typing import Literal

LetterProtection = Literal["person-smime", "person-tls", "notify-only"]
Protection = Literal["sealed", LetterProtection]
