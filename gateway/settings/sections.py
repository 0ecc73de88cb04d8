"""The settings of gateway.toml and the default of each: deadlines, reminder days, limits; one dataclass a section.

`file` reads them, `rules` checks them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """Who we are."""

    code: str
    name: str
    officer: str = "CME Officer"
    telephone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """Somebody to ring here: the MASH, or who has a role. It stands on our card, so partners see it."""

    name: str = ""
    telephone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where partners' gateways reach us."""

    host: str = "127.0.0.1"
    port: int = 8443
    # As partners see it; empty: https://host:port/exchange/v1.
    url: str = ""
    # Addresses or networks, with spaces between them, of what stands before it and speaks for many.
    proxies: str = ""
    # In which such a proxy says who asks; empty: none is believed.
    address_header: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where officers, managers and auditors open the console in a browser. Port 0: there is none."""

    host: str = "127.0.0.1"
    port: int = 0
    # As browsers see it, where a proxy stands before it; empty: http://host:port, or https.
    url: str = ""
    # That proxy's addresses or networks, with spaces between them: nobody else's word counts then.
    proxies: str = ""
    # In which that proxy says who asks, such as X-Forwarded-For; empty: none is believed.
    address_header: str = ""
    # Without a certificate it is served to this machine alone.
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    # Roles, with spaces between them, or "all": who has one must have an authenticator app.
    second_factor: str = ""


@dataclass(frozen=True, slots=True)
class HelpSettings:
    """Whom people ask who use the console; shown on the sign-in page, on the help page and below every page."""

    # A person or a team.
    name: str = "an administrator of this service in your council"
    telephone: str = ""
    email: str = ""
    # What somebody does who has forgotten the password; empty: they ask the above for a one-time password.
    forgotten_password: str = ""
    # Where to say what could be better: a mail address, or an https address.
    feedback: str = ""
    # The council's own privacy notice, an https address.
    privacy: str = ""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where Prometheus reads our metrics; nobody signs in there, so it is not for everybody to reach."""

    host: str = "127.0.0.1"
    # 0: nowhere.
    port: int = 0


@dataclass(frozen=True, slots=True)
class OutsideWitnessSettings:
    """Who, besides our partners, watches that our audit log only grows."""

    # A file with their keys and addresses, and how many must have signed; empty: nobody is asked.
    policy_file: str = ""
    # Who issued the certificates of their servers, where the system does not know it.
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The council's outbound proxy, by which this gateway calls others over HTTPS."""

    # As http://proxy.sandwell.gov.uk:3128; empty: others are called straight.
    url: str = ""
    # Empty: the proxy wants no sign-in.
    user: str = ""
    password_file: str = ""
    # With spaces between them: names, domains with a dot before them, addresses, networks that are called straight.
    exceptions: str = ""
    # Whether SFTP servers are reached by it too: direct, or proxy.
    sftp: str = "direct"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What case systems may ask for at the API, which is served where the console is."""

    # Of one client.
    requests_per_minute: int = 300
    # With spaces between them: where clients may want to be told of what happens.
    webhook_hosts: str = ""
    # Who issued these hosts' certificates, where the system does not know it.
    webhook_ca_file: str = ""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Which database. Empty: store.db in the home folder."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class KeysSettings:
    """Where the passphrase of the keys is read from."""

    passphrase_file: str = "passphrase"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class HsmSettings:
    """The PKCS#11 token in which signing and wrapping keys may be."""

    # The vendor's library; empty: there is none.
    module: str = ""
    # What the token is called there.
    token: str = ""
    pin_file: str = ""
    # What a signing key there signs with: EdDSA, or ES256 where it has no other.
    signatures: str = "EdDSA"


@dataclass(frozen=True, slots=True)
class EncryptionSettings:
    """What messages are not encrypted with any more, from a day on."""

    # A kind of key, as cards name it; empty: none.
    forbidden: str = ""
    # The first day.
    forbidden_from: str = ""


@dataclass(frozen=True, slots=True)
class VersionsSettings:
    """With which versions nothing is exchanged any more, from a day on."""

    # The version of the messages' schema that a partner's card must list, or a later one; empty: any.
    minimum: str = ""
    # The first day.
    minimum_from: str = ""


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """Our folder on an SFTP server, if partners may leave notices there; it stands on our card."""

    # Sftp://server:22/folder.
    url: str = ""
    # The server's, as in a known_hosts file: ssh-ed25519 AAAA...
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """Our mailbox, if another authority's gateway keeps what comes for us; it stands on our card."""

    # Its DfE code; it must be a partner.
    host: str = ""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Our gateway's own mailbox, if notices go and come by mail; it stands on our card."""

    # Empty: nothing goes by mail.
    address: str = ""
    # Smtp://relay:587 (STARTTLS) or smtps://relay:465.
    smtp: str = ""
    # Imap://server:143 (STARTTLS) or imaps://server:993.
    imap: str = ""
    user: str = ""
    password_file: str = ""
    # Where a token is got in place of a password, as Microsoft 365 wants it.
    token_url: str = ""
    token_scope: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    # Who issued the servers' certificates, where the system does not know it.
    ca_file: str = ""
    # To which our relay is known to demand TLS: what people may read goes only there.
    tls_domains: str = ""
    # With which letters to people are signed.
    smime_key_file: str = ""
    smime_certificate_file: str = ""


@dataclass(frozen=True, slots=True)
class HostingSettings:
    """The mailboxes that we keep for others."""

    # DfE codes, with spaces between them.
    owners: str = ""
    # In each of them.
    megabytes: int = 100


@dataclass(frozen=True, slots=True)
class OneSettings:
    """The folders that we share with ONE, or another case system: relative to the home folder, or absolute; empty:
    none.
    """

    # Where it puts its extracts of children who moved away.
    folder: str = ""
    # Where notices that came are written for it, as Common Transfer Files.
    import_folder: str = ""
    # By an officer of ours; or as soon as they arrived.
    import_when: str = "accepted"
    # Where it puts its extracts of what it made of those files.
    answers_folder: str = ""
    unsaid: str = (
        # What becomes of a child of whom the file does not say whether it is restricted: hold, or send.
        "hold"
    )
    # Days without an extract of leavers after which Health warns; 0: it never does.
    extract_days: int = 7
    # DfE codes, with spaces between them: who is asked about a child whom nobody can find.
    enquire_of: str = ""
    # Where it puts its extracts of all our children, against whom searches are matched.
    children_folder: str = ""


@dataclass(frozen=True, slots=True)
class OneColumnsSettings:
    """How the columns of an extract are called. Only surname and date of birth must be there."""

    upn: str = "UPN"
    surname: str = "Surname"
    forename: str = "Forename"
    dob: str = "Date of Birth"
    sex: str = "Gender"
    nc_year: str = "NC Year"
    left_on: str = "Date of Leaving"
    # Yes: the move is confirmed; anything else: believed.
    confirmed: str = "Move Confirmed"
    # Anything but no, or empty: an officer decides.
    restricted: str = "Restricted"
    destination_la: str = "Destination LA"
    # Lines with commas between them.
    new_address: str = "New Address"
    new_postcode: str = "New Postcode"
    old_address: str = "Old Address"
    old_postcode: str = "Old Postcode"
    school_lea: str = "School LEA"
    school_estab: str = "School Estab"
    school_name: str = "School Name"
    # The letter, as the regulations in force on the day of leaving have it.
    ground: str = "Removal Ground"
    # The authority's own word; [one_closures] says what is done with it.
    closure: str = "Closure"
    checklist: str = (
        # Yes, and nothing else: whatever can be asked before removal from roll was asked.
        "Checklist Complete"
    )
    # One, or more with spaces between them.
    former_upn: str = "Former UPN"
    middle_names: str = "Middle Names"
    preferred_surname: str = "Preferred Surname"
    preferred_forename: str = "Preferred Forename"
    former_surname: str = "Former Surname"
    # Yes, and nothing else.
    dob_estimated: str = "DOB Estimated"
    # Where the child lives now.
    postcode: str = "Postcode"


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What becomes of a search that came, and to which our index has no possible match."""

    # Who answers it: an officer, or the machine where it may.
    no_trace: str = "officer"
    # An index that is older answers nothing by machine.
    index_days: int = 7


@dataclass(frozen=True, slots=True)
class OneAnswersSettings:
    """How the two columns of such an answer are called, and its words."""

    file: str = "File Name"
    result: str = "Result"
    matched: str = "matched"
    conflicts: str = "matched with conflicts"
    unmatched: str = "unmatched"


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How we sign in at the server of one authority; under our own code, at our own."""

    user: str = ""
    key_file: str = ""
    password_file: str = ""


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    """What one partner may send."""

    messages_per_minute: int = 6000
    messages_per_request: int = 100


@dataclass(frozen=True, slots=True)
class DeadlinesSettings:
    """When something is late. [deadlines.885] and [deadlines.WhereaboutsEnquiry] say it for one
    partner, or one kind.
    """

    receipt_hours: int = 1
    # Working days.
    acknowledgement_days: int = 2
    # Working days, of an enquiry.
    answer_days: int = 5
    # School days.
    outcome_days: int = 10
    # The mail address that is told of what is later still.
    service_manager: str = ""


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the gateway keeps what it holds of children."""

    # Days after the final outcome of a case.
    days: int = 90
    # Days for files of a case system that were processed, which lie in clear.
    file_days: int = 30


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """The council's identity provider, where its people sign in. [sign_in.roles] says what they are here."""

    # Exactly as it calls itself; empty: nobody signs in there.
    issuer: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    # Where an ID token says what a person is; then in `groups`.
    roles_claim: str = "roles"
    # That a person without a role is told.
    whom_to_ask: str = "the IT service desk"
