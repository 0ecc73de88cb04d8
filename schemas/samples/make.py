"""Writes `invalid/*.xml`: for each rule, and for each way of not being readable, a valid sample with one thing changed.

python -m schemas.samples.make

A new rule is one more row of `BROKEN`.
"""

import re
from pathlib import Path

GATEWAY = Path(__file__).parent
# A pattern that is found in the sample, and what takes its place.
Edit = tuple[str, str]

WITHHELD = (
    "<Level>none</Level>",
    """<Level>address-withheld</Level>
      <Reason>refuge</Reason>
      <DecidedBy>Service Manager Invented</DecidedBy>
      <ReviewOn>2027-02-01</ReviewOn>""",
)
ADDRESS = """    <DestinationAddress>
      <AddressLine>44 Placeholder Road</AddressLine>
      <PostCode>WR1 9ZZ</PostCode>
    </DestinationAddress>
"""
EMAIL = "<Email>cme@sandwell.example</Email>"


def drop_element(element: str) -> Edit:
    """Return the edit that leaves out every element of this name."""
    return rf" *<{element}>(?:(?!<{element}>).)*?</{element}>\n", ""


BROKEN: dict[str, tuple[str, *tuple[Edit, ...]]] = {
    # The header
    "authority.same": ("transfer-notice", ("<Authority>885", "<Authority>333")),
    "authority.unknown": ("transfer-notice", ("<Authority>885", "<Authority>999")),
    "authority.ended": ("transfer-notice", ("<Authority>885", "<Authority>909")),
    "header.supersedes-itself": ("transfer-notice-correction", ("000000000006<", "000000000001<")),
    "header.reply-to-nothing": ("acknowledgement", drop_element("InReplyTo")),
    # The child
    "upn.check-letter": ("transfer-notice", ("<UPN>X333210123001", "<UPN>Y333210123001")),
    "upn.no-reason": ("transfer-notice", drop_element("UPN")),
    "upn.temporary": ("transfer-notice", ("<UPN>X333210123001", "<UPN>W33321012301A")),
    "upn.authority": ("transfer-notice", ("<UPN>X333210123001", "<UPN>F999210123001")),
    "dob.future": ("transfer-notice", ("<DOB>2016", "<DOB>2126")),
    # A child's age is a rule of its own.
    "dob.implausible": ("transfer-notice-siblings", ("<DOB>2019", "<DOB>1819")),
    "age.not-compulsory": ("transfer-notice", ("<DOB>2016", "<DOB>2024")),
    "child.absent": ("transfer-notice", drop_element("Child")),
    "sibling.twice": ("transfer-notice-siblings", ("<Forename>Cyd", "<Forename>Ben"), ("2019-01-15", "2014-06-01")),
    # How far it may be shared
    "restriction.no-reason": ("transfer-notice-restricted", drop_element("Reason")),
    "restriction.address": ("transfer-notice-restricted", ("</Certainty>\n", f"\\g<0>{ADDRESS}")),
    "restriction.phone-only": (
        "transfer-notice-phone-only", ("</Ring>\n", "\\g<0>    <Note>The child was seen.</Note>\n"),
    ),
    "restriction.broadcast": (
        "whereabouts-enquiry",
        WITHHELD,
        ("<Circulation>named", "<Circulation>all-authorities"),
        drop_element("PreviousAddress"),
        drop_element("Contact"),
        drop_element("School"),
    ),
    # Enquiries, answers, outcomes
    "unknown.no-enquiries": ("whereabouts-unknown-notice", drop_element("Enquiry")),
    "unknown.enquiry-open": ("whereabouts-unknown-notice", ("<Result>no-information", "<Result>awaiting-reply")),
    "unknown.incomplete": ("whereabouts-unknown-notice", ("<Source>home-visit", "<Source>neighbours")),
    "enquiry.future": ("transfer-notice", ("<MadeOn>2026", "<MadeOn>2126")),
    "response.found-by-machine": (
        "whereabouts-response",
        ("<Result>no-trace", "<Result>found"),
        ("<AnsweredBy>officer", "<AnsweredBy>machine"),
    ),
    "response.nobody-to-ring": ("whereabouts-response", ("<Result>no-trace", "<Result>ring-me"), drop_element("Ring")),
    "acknowledgement.no-reason": ("acknowledgement", ("<Decision>accepted", "<Decision>rejected")),
    "acknowledgement.passed-to-nobody": ("acknowledgement", ("<Decision>accepted", "<Decision>passed-on")),
    "acknowledgement.passed-to-unknown": (
        "acknowledgement",
        ("<Decision>accepted</Decision>\n", "<Decision>passed-on</Decision>\n    <PassedTo>999</PassedTo>\n"),
    ),
    "acknowledgement.other-unsaid": (
        "acknowledgement",
        ("<Decision>accepted</Decision>\n", "<Decision>rejected</Decision>\n    <Reason>other</Reason>\n"),
        drop_element("Note"),
    ),
    "outcome.moved-to-nowhere": ("outcome", ("<Result>in-education", "<Result>moved-on")),
    "outcome.moved-to-unknown": ("outcome", ("</ConfirmedOn>\n", "\\g<0>    <MovedTo>999</MovedTo>\n")),
    "outcome.future": ("outcome", ("<ConfirmedOn>2026", "<ConfirmedOn>2126")),
    "located.future": ("located-notice", ("<LocatedOn>2026", "<LocatedOn>2126")),
    # Particulars
    "ground.not-in-regulations": (
        "transfer-notice", ("<Letter>G", "<Letter>O"), ("<Regulations>2024", "<Regulations>2006"),
    ),
    "care.no-authority": ("transfer-notice", ("<InCare>false", "<InCare>true")),
    "address.postcode": ("transfer-notice", ("<PostCode>WR1 9ZZ", "<PostCode>WORCS")),
    "address.empty": ("transfer-notice", ("<DestinationAddress>.*</DestinationAddress>", "<DestinationAddress/>")),
    "email.ended-domain": ("transfer-notice", (EMAIL, EMAIL.replace("sandwell.example", "sandwell.gcsx.gov.uk"))),
    # Not readable
    "xml.not-xml": ("transfer-notice", (".*", "Surname,Forename,DOB\nTestchild-Example,Ada,2016-03-31\n")),
    "xml.encoding": ("transfer-notice", ("UTF-8", "ISO-8859-1")),
    "xml.malformed": ("transfer-notice", ("<PreviousAddress>.*", "")),
    "xml.dtd": ("transfer-notice", ("<Message", '<!DOCTYPE Message [<!ENTITY who "nobody">]>\n<Message')),
    "xml.instruction": ("transfer-notice", ("<Header>", "<?run it?><Header>")),
    "xml.too-deep": ("transfer-notice", ("<Header>", "<Header>" + "<A>" * 40 + "</A>" * 40)),
    "xml.namespace": ("transfer-notice", ("urn:cme-exchange:message:1", "urn:example:other:1")),
    "xml.schema": ("transfer-notice", ("<DOB>2016-03-31", "<DOB>31/03/2016")),
}  # fmt: skip


def build_samples() -> dict[str, str]:
    """Return the text of each invalid sample by its code.

    Raises:
        ValueError: a change finds nothing to change.
    """
    return {code: _changed(*row) for code, row in BROKEN.items()}


def _changed(valid: str, *edits: Edit) -> str:
    text = (GATEWAY / "valid" / f"{valid}.xml").read_text("utf-8")
    for pattern, put in edits:
        text, times = re.subn(pattern, put, text, count=0 if put == "" else 1, flags=re.DOTALL)
        if not times:
            raise ValueError(f"{valid}: {pattern}")
    return text


if __name__ == "__main__":
    for code, text in build_samples().items():
        (GATEWAY / "invalid" / f"{code}.xml").write_text(text, "utf-8")
