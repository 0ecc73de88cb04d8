"""A child as it is compared."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class ComparedChild:
    """A child as it is compared: names as `names.normalise_name` writes them, UPNs and postcode in capitals without
    spaces.
    """

    # Or the only name.
    surname: str
    forename: str
    # Former, preferred.
    other_surnames: tuple[str, ...]
    # Preferred.
    other_forenames: tuple[str, ...]
    middle_names: tuple[str, ...]
    dob: date
    dob_estimated: bool
    sex: str
    # The present one first, or empty in its place; then former ones.
    upns: tuple[str, ...]
    postcode: str

    @property
    def surnames(self) -> tuple[str, ...]:
        """Return every surname, the present one first."""
        return (self.surname, *self.other_surnames)

    @property
    def forenames(self) -> tuple[str, ...]:
        """Return every forename but middle names, the present one first."""
        return tuple(name for name in (self.forename, *self.other_forenames) if name)
