"""Published vectors: that what we call X-Wing, HPKE, Ed25519 and a thumbprint is what others call so."""

from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from jwt import PyJWS

from keys import jose
from keys.algorithms import KEMS, compute_thumbprint, key_id
from keys.errors import RefusalCode
from keys.jose import Unverified
from tests.refusals import expect_refusal


def test_xwing_public_key_of_the_draft() -> None:
    """draft-connolly-cfrg-xwing-kem, appendix C, first vector: seed, and how its public key begins."""
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    public = KEMS["MLKEM768_X25519"].public_bytes(seed)
    begins = "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3da5fa1a92"
    assert public.hex().startswith(begins)
    assert len(public) == 1184 + 32


def test_hpke_of_rfc_9180_opens() -> None:
    """RFC 9180, A.1.1.1, sequence number 0: DHKEM(X25519), HKDF-SHA256, AES-128-GCM; it has associated data."""
    private = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    )
    sealed = bytes.fromhex(
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    opened = openssl.hpke._decrypt_with_aad(suite, sealed, private, b"Ode on a Grecian Urn", b"Count-0")
    assert opened == b"Beauty is truth, truth beauty"


RFC_8037_PRIVATE = jose.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
RFC_8037_PUBLIC = jose.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
RFC_8037_TOKEN = (
    b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def test_ed25519_jws_of_rfc_8037() -> None:
    """RFC 8037, A.4 and A.5."""
    key = Ed25519PrivateKey.from_private_bytes(RFC_8037_PRIVATE)
    made = PyJWS().encode(b"Example of Ed25519 signing", key, "EdDSA", {"typ": ""})
    assert made.encode() == RFC_8037_TOKEN
    text, _, signature = RFC_8037_TOKEN.rpartition(b".")
    token = Unverified("EdDSA", "", b"", text, jose.decode(signature))
    kind = jose.Kind(
        "",
        0,
        RefusalCode.ENVELOPE_SIGNATURE,
        RefusalCode.ENVELOPE_SIGNATURE,
        RefusalCode.ENVELOPE_SIGNATURE,
        RefusalCode.ENVELOPE_SIGNATURE,
    )
    jose.verify(kind, token, alg="EdDSA", key=key.public_key())
    with expect_refusal(RefusalCode.ENVELOPE_SIGNATURE):
        jose.verify(kind, token, alg="EdDSA", key=Ed25519PrivateKey.generate().public_key())


def test_thumbprint_of_rfc_8037() -> None:
    """RFC 8037, A.3."""
    assert jose.encode(compute_thumbprint("EdDSA", RFC_8037_PUBLIC)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_key_id_says_whose_what_for_and_which() -> None:
    assert key_id("333", "sig", "EdDSA", RFC_8037_PUBLIC) == "333-sig-90facafea9b15566"
