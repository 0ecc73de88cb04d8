"""The disk's folder for temporary files: for tests whose subject is what a disk does, for all others lie in memory."""

import os
from tempfile import gettempdir

# Said to the other processes of tests, for which the folder for temporary files is in memory already.
DISK = os.environ.setdefault("CME_TESTS_DISK", gettempdir())
