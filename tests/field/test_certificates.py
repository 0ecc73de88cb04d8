"""Certificates as authorities send them: which is picked of a file, what is kept of it, and the one thing that is
wrong.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway import home_folder
from gateway.errors import ConfigProblem
from gateway.store import audit_log
from keys import card, errors, smime
from tests.certificates import for_mail
from tests.command import run_command
from tests.conftest import make

FILES = Path(__file__).parent / "smime"
ADDRESS = "cme@birmingham.example"
# On which the certificates of the files hold.
NOW = datetime(2026, 12, 1, tzinfo=UTC)
TAKEN, KEY_REFUSED = "taken", "taken, without the key"
# File, right value, row of the field log.
TABLE = {
    "address-in-cn-only.pem": ("smime.no-address", 29),
    "address-in-othername-upn.pem": ("smime.no-address", 29),
    "address-old-domain.pem": ("smime.other-address", 29),
    "address-upper-case.pem": (TAKEN, 29),
    "base64-without-lines.txt": (TAKEN, 29),
    "chain-issuer-first.pem": (TAKEN, 29),
    "chain-leaf-first.pem": (TAKEN, 29),
    "crlf.pem": (TAKEN, 29),
    "der.cer": (TAKEN, 29),
    "leading-spaces.pem": (TAKEN, 29),
    "p7b-pem.p7b": (TAKEN, 29),
    "p7b.p7b": (TAKEN, 29),
    "pss-signed.pem": (TAKEN, 29),
    "sign-only.pem": ("smime.sign-only", 29),
    "trusted-certificate.pem": (TAKEN, 29),
    "with-private-key.pem": (KEY_REFUSED, 29),
}


def become(file: bytes, address: str = ADDRESS, now: datetime = NOW) -> str:
    """What becomes of a file: taken, or the code of what is wrong."""
    try:
        picked = smime.pick_recipient(file, address=address, now=now)
    except errors.SmimeRefused as why:
        return why.code
    kept = picked.certificate_pem
    assert kept.count("-----BEGIN") == 1
    assert "PRIVATE" not in kept
    assert smime.pick_recipient(kept.encode(), address=address, now=now).certificate_pem == kept
    return KEY_REFUSED if picked.private_key_was_in_file else TAKEN


def test_every_file_has_its_row() -> None:
    assert {path.name for path in FILES.iterdir()} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_file_becomes_what_the_table_says(name: str) -> None:
    assert become((FILES / name).read_bytes()) == TABLE[name][0]


# The kind: whatever program wrote it, what is in it counts.

KEY, LEAF = for_mail(ADDRESS)
DER = x509.load_pem_x509_certificate(LEAF).public_bytes(Encoding.DER)
TODAY = datetime.now(UTC)


def issuer(address: str = "") -> bytes:
    """A certificate as an issuer has one: for no mail, and newer than those which it issued."""
    key = rsa.generate_private_key(65537, 2048)
    parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Issuer (invented)")]
    name = x509.Name([*parts, *([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, address)] if address else [])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(TODAY - timedelta(hours=1))
        .not_valid_after(TODAY + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def as_pkcs7(*certificates: bytes, encoding: Encoding = Encoding.DER) -> bytes:
    return pkcs7.serialize_certificates([x509.load_pem_x509_certificate(one) for one in certificates], encoding)


def as_key_store(passphrase: bytes | None) -> bytes:
    key, certificate = load_pem_private_key(KEY, None), x509.load_pem_x509_certificate(LEAF)
    assert isinstance(key, rsa.RSAPrivateKey)
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"cme", key, certificate, None, lock)


def key_as(encoding: Encoding, form: PrivateFormat, passphrase: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return load_pem_private_key(KEY, None).private_bytes(encoding, form, lock)


def request(encoding: Encoding) -> bytes:
    key = load_pem_private_key(KEY, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CME Team (invented)")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256()).public_bytes(encoding)


def body(pem: bytes) -> bytes:
    return b"".join(pem.splitlines()[1:-1])


def signed_mail() -> bytes:
    key = load_pem_private_key(KEY, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    made = pkcs7.PKCS7SignatureBuilder().set_data(b"Hello.\r\n")
    made = made.add_signer(x509.load_pem_x509_certificate(LEAF), key, SHA256())
    return b"From: cme@birmingham.example\r\n" + made.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])


FORMS: dict[str, tuple[bytes, str]] = {
    "PEM": (LEAF, TAKEN),
    "DER": (DER, TAKEN),
    "DER, and more behind it": (DER + b"\r\n", TAKEN),
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + LEAF, TAKEN),
    "UTF-16 with a mark": (LEAF.decode().encode("utf-16"), TAKEN),
    "UTF-16, little end first": (LEAF.decode().encode("utf-16-le"), TAKEN),
    "UTF-16, big end first": (LEAF.decode().encode("utf-16-be"), TAKEN),
    "dashes that a mail program made": (LEAF.decode().replace("-----", "\u2014\u2013-").encode(), TAKEN),
    "the same, in Windows-1252": (LEAF.replace(b"-----", b"\x97\x96-"), TAKEN),
    "carriage returns alone": (LEAF.replace(b"\n", b"\r"), TAKEN),
    "quoted in a mail": (b"".join(b"> " + line for line in LEAF.splitlines(keepends=True)), TAKEN),
    "one line, with its labels": (LEAF.replace(b"\n", b" "), TAKEN),
    "base64 alone": (body(LEAF), TAKEN),
    "vCard": (b"BEGIN:VCARD\r\nKEY;ENCODING=b;TYPE=X509:" + body(LEAF) + b"\r\nEND:VCARD\r\n", TAKEN),
    "LDIF": (b"dn: cn=CME\nuserCertificate;binary:: " + body(LEAF) + b"\nsn: Example\n", TAKEN),
    "bag attributes": (b"Bag Attributes\n    localKeyID: 01 00\nsubject=CN=CME\n" + LEAF, TAKEN),
    "PKCS#7 within the labels of a certificate": (
        as_pkcs7(LEAF, encoding=Encoding.PEM).replace(b"PKCS7", b"CERTIFICATE"),
        TAKEN,
    ),
    "a signed mail": (signed_mail(), TAKEN),
    "key first": (KEY + LEAF, KEY_REFUSED),
    "key behind": (LEAF + KEY, KEY_REFUSED),
    "key behind, in UTF-16": ((LEAF + KEY).decode().encode("utf-16"), KEY_REFUSED),
    "locked key": (key_as(Encoding.PEM, PrivateFormat.PKCS8, b"secret") + LEAF, KEY_REFUSED),
    "key of an old form, locked": (
        key_as(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, b"secret") + LEAF,
        KEY_REFUSED,
    ),
    "key alone": (KEY, "smime.key-alone"),
    "key alone, DER": (key_as(Encoding.DER, PrivateFormat.PKCS8), "smime.key-alone"),
    "key alone, DER of an old form": (key_as(Encoding.DER, PrivateFormat.TraditionalOpenSSL), "smime.key-alone"),
    "key alone, DER and locked": (key_as(Encoding.DER, PrivateFormat.PKCS8, b"secret"), "smime.key-alone"),
    "key store": (as_key_store(b"secret"), "smime.key-store"),
    "key store without passphrase": (as_key_store(None), "smime.key-store"),
    "request": (request(Encoding.PEM), "smime.request"),
    "request, DER": (request(Encoding.DER), "smime.request"),
    "cut off": (LEAF[:700], "smime.damaged"),
    "cut off, DER": (DER[:500], "smime.damaged"),
    "nothing": (b"", "smime.unreadable"),
    "words": (b"Please find our certificate attached.\r\n", "smime.unreadable"),
    "archive": (b"PK\x03\x04" + bytes(400), "smime.unreadable"),
    "too much": (LEAF + bytes(2_000_000), "smime.unreadable"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_is_read_in_whatever_form_it_comes(form: str) -> None:
    file, value = FORMS[form]
    assert become(file, now=TODAY) == value


OTHERS = {
    "smime.other-address": for_mail("other@birmingham.example")[1],
    "smime.out-of-date": for_mail(ADDRESS, days=(-60, -30))[1],
    "smime.not-yet": for_mail(ADDRESS, days=(3, 30))[1],
    "smime.sign-only": for_mail(ADDRESS, encipher=False)[1],
    "smime.no-rsa-key": for_mail(ADDRESS, elliptic=True)[1],
    "smime.short-key": for_mail(ADDRESS, bits=1024)[1],
    "smime.not-for-mail": for_mail(ADDRESS, use=ExtendedKeyUsageOID.SERVER_AUTH)[1],
    "smime.no-address": issuer(),
}


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_wrong_with_one_is_said_whatever_lies_beside_it(code: str) -> None:
    """Of a certificate and its issuer's, in both orders; and the issuer names a mail address of its own."""
    assert become(OTHERS[code], now=TODAY) == code
    for issued_by in (issuer(), issuer("help@issuer.example")):
        if code not in ("smime.no-address", "smime.other-address"):
            assert {become(a + b, now=TODAY) for a, b in permutations((OTHERS[code], issued_by))} == {code}


def test_the_one_that_serves_is_picked_in_any_order() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(20):
        some = [*chance.sample(sorted(OTHERS.values()), chance.randint(1, 5)), LEAF]
        chance.shuffle(some)
        for file in (b"".join(some), as_pkcs7(*some), as_pkcs7(*some, encoding=Encoding.PEM)):
            picked = smime.pick_recipient(file, address=ADDRESS.upper(), now=TODAY)
            assert picked.certificate_pem.encode() == LEAF


def test_of_two_that_serve_the_newer_is_picked() -> None:
    older = for_mail(ADDRESS, days=(-9, 900))[1]
    for file in (LEAF + older, older + LEAF):
        assert smime.pick_recipient(file, address=ADDRESS, now=TODAY).certificate_pem.encode() == LEAF


def test_nothing_but_a_refusal_comes_of_damage() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for form, (file, _) in FORMS.items():
        if len(file) < 100_000:
            for _ in range(10):
                damaged = bytearray(file or b"x")
                for _ in range(chance.randint(1, 9)):
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                assert isinstance(become(bytes(damaged), now=TODAY), str), form


@pytest.mark.parametrize("file", [DER, as_pkcs7(LEAF)], ids=["DER", "PKCS#7"])
def test_whichever_byte_is_damaged_nothing_but_a_refusal_comes_of_it(file: bytes) -> None:
    # A length that is too long, and one that is too short.
    for value in (0x7F, 0x00):
        for at in range(len(file)):
            assert isinstance(become(file[:at] + bytes([value]) + file[at + 1 :], now=TODAY), str), at


Change = Callable[[bytes], bytes]
OWN: Sequence[tuple[str, Change, Change, str]] = (
    ("as it is", bytes, bytes, ""),
    ("DER", lambda _: key_as(Encoding.DER, PrivateFormat.PKCS8), lambda _: DER, ""),
    ("UTF-16", lambda key: key.decode().encode("utf-16"), lambda pem: pem.decode().encode("utf-16"), ""),
    ("issuer first", bytes, lambda pem: issuer() + pem, ""),
    ("PKCS#7", bytes, lambda pem: as_pkcs7(issuer(), pem), ""),
    ("both in each", lambda key: LEAF + key, lambda pem: KEY + pem, ""),
    ("indented", lambda key: key.replace(b"\n", b"\n   "), bytes, ""),
    ("no key", lambda _: b"no key", bytes, "smime.key-unreadable"),
    ("certificate for a key", lambda _: LEAF, bytes, "smime.key-unreadable"),
    ("other passphrase", lambda _: key_as(Encoding.PEM, PrivateFormat.PKCS8, b"other"), bytes, "smime.passphrase"),
    ("other key", lambda _: for_mail(ADDRESS)[0], bytes, "smime.not-together"),
    ("no certificate", bytes, lambda _: b"none", "smime.unreadable"),
    ("key for a certificate", bytes, lambda _: KEY, "smime.unreadable"),
)


@pytest.mark.parametrize(("name", "key", "certificate", "code"), OWN, ids=[one[0] for one in OWN])
def test_our_own_are_read_in_any_form_and_what_is_wrong_is_one_thing(
    name: str, key: Change, certificate: Change, code: str
) -> None:
    said = ""
    try:
        made = smime.read_signer(key(KEY), certificate(LEAF), passphrase=b"ours", address=ADDRESS, now=TODAY)
        assert made.certificate.public_bytes(Encoding.PEM) == LEAF
    except errors.SmimeRefused as why:
        said = why.code
    assert said == code


def test_whose_certificates_we_believe_may_lie_in_a_file_of_windows(sandwell: Path) -> None:
    one = issuer()
    settings = (sandwell / "gateway.toml").read_text().replace("[email]", '[email]\nca_file = "ca.cer"')
    (sandwell / "gateway.toml").write_text(settings)
    (sandwell / "ca.cer").write_bytes(x509.load_pem_x509_certificate(one).public_bytes(Encoding.DER))
    gw = home_folder.open_gateway(sandwell)
    assert gw.mail is not None
    assert (gw.mail.authorities or "").encode() == one
    gw.store.close()
    (sandwell / "ca.cer").write_bytes(b"none")
    with pytest.raises(ConfigProblem) as caught:
        home_folder.open_gateway(sandwell)
    assert caught.value.code == "config.certificates"
    assert "ca.cer" in caught.value.next_in_terminal


@pytest.fixture
def sandwell(tmp_path: Path) -> Path:
    """The home of a gateway that may write letters by S/MIME."""
    key, certificate = for_mail("gateway@sandwell.example")
    for name, content in (("key", key), ("pem", certificate), ("password", b"x")):
        (tmp_path / name).write_bytes(content)
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(
            '\n[email]\naddress = "gateway@sandwell.example"\nsmtp = "smtp://127.0.0.1:2525"\nimap ='
            ' "imaps://127.0.0.1:2993"\nuser = "gateway@sandwell.example"\npassword_file ='
            f' "{tmp_path / "password"}"\nsmime_key_file = "{tmp_path / "key"}"\nsmime_certificate_file ='
            f' "{tmp_path / "pem"}"\n'
        )
    return tmp_path / "333"


def test_their_private_key_is_not_kept_and_that_is_said(sandwell: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.pem").write_bytes(KEY + issuer() + LEAF)
    given = ("330", ADDRESS, "--protection", "person-smime", "--telephone", "0121 496 0303")
    done = run_command(
        "partner", "email", *given, "--certificate", str(tmp_path / "theirs.pem"), "--home", str(sandwell)
    )
    assert done.returncode == 0, done.stderr
    assert "private key" in done.stderr
    assert not [
        file
        for file in sandwell.rglob("*")
        if file.is_file() and body(KEY)[:60] in file.read_bytes().replace(b"\n", b"")
    ]
    gw = home_folder.open_gateway(sandwell)
    assert (gw.correspondents["330"].certificate or "").encode() == LEAF
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="correspondent.entered"))
    assert "refused" in entry.entry
    gw.store.close()


def test_a_file_of_windows_is_taken_by_the_command(sandwell: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.p7b").write_bytes(as_pkcs7(issuer(), LEAF))
    given = ("330", ADDRESS, "--protection", "person-smime", "--telephone", "0121 496 0303")
    done = run_command(
        "partner", "email", *given, "--certificate", str(tmp_path / "theirs.p7b"), "--home", str(sandwell)
    )
    assert done.returncode == 0, done.stderr
    assert "private key" not in done.stderr


CARD_FORMS: dict[str, Callable[[str], bytes]] = {
    "as it was written": str.encode,
    "broken into lines by a mail": (
        lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)).encode()
    ),
    "UTF-16": lambda text: text.encode("utf-16"),
    "a mark before it": lambda text: b"\xef\xbb\xbf" + text.encode(),
}


@pytest.mark.parametrize("form", CARD_FORMS)
def test_a_partners_card_is_read_in_whatever_form_it_comes(form: str, tmp_path: Path) -> None:
    ours, theirs = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    text = (tmp_path / "885" / home_folder.CARD_FILE).read_text("ascii")
    (tmp_path / "card").write_bytes(CARD_FORMS[form](text))
    said = ("--fingerprint", card.compute_fingerprint(theirs.own_card), "--home", str(tmp_path / "333"))
    done = run_command("partner", "add", str(tmp_path / "card"), *said)
    for gw in (ours, theirs):
        gw.store.close()
    assert done.returncode == 0, done.stderr
    gw = home_folder.open_gateway(tmp_path / "333")
    assert gw.trust.knows("885")
    gw.store.close()
