"""How what we write to the people of an authority without a gateway is protected."""

from typing import Literal

Protection = Literal["person-smime", "person-tls", "notify-only"]
