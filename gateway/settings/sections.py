"""What may be set in gateway.toml, a dataclass for each section, with what counts where nothing is said. `file` reads it, `rules` checks it."""

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
class ListenSettings:
    """Where partners' gateways reach us."""

    host: str = "127.0.0.1"
    port: int = 8443
    url: str = ""  # as partners see it; empty: https://host:port/exchange/v1
    proxies: str = ""  # addresses or networks, with spaces between them, of what stands before it and speaks for many
    address_header: str = ""  # in which such a proxy says who asks; empty: none is believed


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where officers, managers and auditors open the console in a browser. Port 0: there is none."""

    host: str = "127.0.0.1"
    port: int = 0
    url: str = ""  # as browsers see it, where a proxy stands before it; empty: http://host:port, or https
    proxies: str = ""  # that proxy's addresses or networks, with spaces between them: nobody else's word counts then
    address_header: str = ""  # in which that proxy says who asks, such as X-Forwarded-For; empty: none is believed
    tls_certificate_file: str = ""  # without a certificate it is served to this machine alone
    tls_key_file: str = ""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where Prometheus reads our metrics; nobody signs in there, so it is not for everybody to reach."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: nowhere


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What case systems may ask for at the API, which is served where the console is."""

    requests_per_minute: int = 300  # of one client
    webhook_hosts: str = ""  # with spaces between them: where clients may want to be told of what happens
    webhook_ca_file: str = ""  # who issued these hosts' certificates, where the system does not know it


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Which database. Empty: store.db in the home folder."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class KeysSettings:
    """Where the passphrase of the keys is read from."""

    passphrase_file: str = "passphrase"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """Our folder on an SFTP server, if partners may leave notices there; it stands on our card."""

    url: str = ""  # sftp://server:22/folder
    host_key: str = ""  # the server's, as in a known_hosts file: ssh-ed25519 AAAA...


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """Our mailbox, if another authority's gateway keeps what comes for us; it stands on our card."""

    host: str = ""  # its DfE code; it must be a partner


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Our gateway's own mailbox, if notices go and come by mail; it stands on our card."""

    address: str = ""  # empty: nothing goes by mail
    smtp: str = ""  # smtp://relay:587 (STARTTLS) or smtps://relay:465
    imap: str = ""  # imap://server:143 (STARTTLS) or imaps://server:993
    user: str = ""
    password_file: str = ""
    token_url: str = ""  # where a token is got in place of a password, as Microsoft 365 wants it
    token_scope: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    ca_file: str = ""  # who issued the servers' certificates, where the system does not know it
    tls_domains: str = ""  # to which our relay is known to demand TLS: what people may read goes only there
    smime_key_file: str = ""  # with which letters to people are signed
    smime_certificate_file: str = ""


@dataclass(frozen=True, slots=True)
class HostingSettings:
    """The mailboxes that we keep for others."""

    owners: str = ""  # DfE codes, with spaces between them
    megabytes: int = 100  # in each of them


@dataclass(frozen=True, slots=True)
class OneSettings:
    """The folders that we share with ONE, or another case system: relative to the home folder, or absolute; empty: none."""

    folder: str = ""  # where it puts its extracts of children who moved away
    import_folder: str = ""  # where notices that came are written for it, as Common Transfer Files
    import_when: str = "accepted"  # by an officer of ours; or as soon as they arrived
    answers_folder: str = ""  # where it puts its extracts of what it made of those files
    unsaid: str = (
        "hold"  # what becomes of a child of whom the file does not say whether it is restricted: hold, or send
    )
    enquire_of: str = ""  # DfE codes, with spaces between them: who is asked about a child whom nobody can find
    children_folder: str = ""  # where it puts its extracts of all our children, against whom searches are matched


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
    confirmed: str = "Move Confirmed"  # yes: the move is confirmed; anything else: believed
    restricted: str = "Restricted"  # anything but no, or empty: an officer decides
    destination_la: str = "Destination LA"
    new_address: str = "New Address"  # lines with commas between them
    new_postcode: str = "New Postcode"
    old_address: str = "Old Address"
    old_postcode: str = "Old Postcode"
    school_lea: str = "School LEA"
    school_estab: str = "School Estab"
    school_name: str = "School Name"
    ground: str = "Removal Ground"  # the letter, as the regulations in force on the day of leaving have it
    closure: str = "Closure"  # the authority's own word; [one_closures] says what is done with it
    checklist: str = (
        "Checklist Complete"  # yes, and nothing else: whatever can be asked before removal from roll was asked
    )
    former_upn: str = "Former UPN"  # one, or more with spaces between them
    middle_names: str = "Middle Names"
    preferred_surname: str = "Preferred Surname"
    preferred_forename: str = "Preferred Forename"
    former_surname: str = "Former Surname"
    dob_estimated: str = "DOB Estimated"  # yes, and nothing else
    postcode: str = "Postcode"  # where the child lives now


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What becomes of a search that came, and to which our index has no possible match."""

    no_trace: str = "officer"  # who answers it: an officer, or the machine where it may
    index_days: int = 7  # an index that is older answers nothing by machine


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
    """When something is late. [deadlines.885] and [deadlines.WhereaboutsEnquiry] say it for one partner, or one kind."""

    receipt_hours: int = 1
    acknowledgement_days: int = 2  # working days
    answer_days: int = 5  # working days, of an enquiry
    outcome_days: int = 10  # school days
    service_manager: str = ""  # the mail address that is told of what is later still


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """The council's identity provider, where its people sign in. [sign_in.roles] says what they are here."""

    issuer: str = ""  # exactly as it calls itself; empty: nobody signs in there
    client_id: str = ""
    client_secret_file: str = ""
    roles_claim: str = "roles"  # where an ID token says what a person is; then in `groups`
    whom_to_ask: str = "the IT service desk"  # that a person without a role is told
