"""Who may do what: the roles of the people who work with the gateway."""

from enum import StrEnum


class Role(StrEnum):
    """What a person is here for; somebody may have several."""

    CME_OFFICER = "cme_officer"
    PUPIL_TRACKING = "pupil_tracking"
    OUTREACH = "outreach"
    SERVICE_MANAGER = "service_manager"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"
