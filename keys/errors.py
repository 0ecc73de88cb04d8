"""Every way in which `keys` refuses. Nothing else comes out of this package, whatever bytes go in.

    Refusal                 code, sentence (the docstring), next step, and whether it lasts
      KeyRefused              a public key cannot be used: key.*
      CardRefused             a card cannot be used, or whose it is: card.*
      EnvelopeRefused         a sealed message: envelope.*
      ReceiptRefused          a receipt: receipt.*
      StatementRefused        a statement: statement.*
      BearerRefused           a caller's token: bearer.*
      NoteRefused             a signed checkpoint: note.*
      RingRefused             our own private keys: ring.*
      AtRestRefused           our own copy of a notice: at-rest.*
      SmimeRefused            a certificate or a key for letters to people: smime.*
      IdTokenRefused          what the identity provider says of who signs in: id-token.*
      ApiTokenRefused         what a case system shows at the API: api-token.*

`lasting` is the difference between "never" and "later": what does not last may be taken as it is another time, for
instance once a newer card has come. No refusal carries anything about a child; `detail` is a word for the operator.
"""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """It was refused."""

    code = ""
    lasting = True
    next_step = ""

    def __init__(self, detail: str = "") -> None:
        """`detail` is short, and names no person."""
        super().__init__(f"{self.sentence} ({detail})" if detail else self.sentence)
        self.detail = detail

    @property
    def sentence(self) -> str:
        """What a person reads."""
        return (type(self).__doc__ or "").strip()


class KeyRefused(Refusal):
    """The key cannot be used."""


class UnknownKey(KeyRefused):
    """The key that is named is not one that we know."""

    code = "key.unknown"
    lasting = False
    next_step = "Fetch the authority's newest card; a new key may not have reached us yet."


class KeyNotYet(KeyRefused):
    """The key is not valid yet."""

    code = "key.not-yet"
    lasting = False
    next_step = "Wait until its first day, or ask the authority which key it means to use."


class KeyOutOfDate(KeyRefused):
    """The key was past its last day."""

    code = "key.out-of-date"
    next_step = "Fetch the authority's newest card; the sender must sign again with its current key."


class KeyRevoked(KeyRefused):
    """The key has been revoked by its owner."""

    code = "key.revoked"
    next_step = "Telephone the authority; treat whatever came under this key as not from them."


class CardRefused(Refusal):
    """The card cannot be used."""


class UnknownAuthority(CardRefused):
    """There is no confirmed card for this authority."""

    code = "card.unknown-authority"
    lasting = False
    next_step = "Import the authority's card and compare its fingerprint over the telephone."


class CardMalformed(CardRefused):
    """The card is not in the form that cards have."""

    code = "card.malformed"
    next_step = "Ask the authority to export its card again; part of it may have been lost on the way."


class CardAlgorithm(CardRefused):
    """The card is signed with an algorithm that is not allowed."""

    code = "card.algorithm"
    next_step = "Do not use this card; ask the authority for one that its gateway wrote."


class CardType(CardRefused):
    """The token is not a card."""

    code = "card.type"
    next_step = "Check that the right file was given."


class CardSignature(CardRefused):
    """The card's signature is not that of its identity key."""

    code = "card.signature"
    next_step = "Do not use this card; somebody may have altered it. Telephone the authority."


class CardExpired(CardRefused):
    """The authority's card has expired."""

    code = "card.expired"
    lasting = False
    next_step = "Fetch the authority's newest card, or ask its operator to issue one."


class CardFromTheFuture(CardRefused):
    """The card says that it was issued later than now."""

    code = "card.from-the-future"
    lasting = False
    next_step = "Check the clocks of both machines."


class CardOlder(CardRefused):
    """The card is not newer than the one that we hold."""

    code = "card.older"
    next_step = "Keep the card that we hold; ask the authority for its newest."


class CardRoute(CardRefused):
    """A route on the card is not one that a gateway may have."""

    code = "card.route"
    next_step = "Do not use this card; ask the authority to set its address right and to write a new one."


class CardOtherIdentity(CardRefused):
    """The card is signed by another identity key than the one that was confirmed."""

    code = "card.other-identity"
    next_step = "Telephone the authority and compare fingerprints before trusting the new identity."


class CardOtherAuthority(CardRefused):
    """The card belongs to another authority."""

    code = "card.other-authority"
    next_step = "Check which authority's card was asked for."


class EnvelopeRefused(Refusal):
    """The sealed message cannot be taken."""


class TooLarge(EnvelopeRefused):
    """The sealed message is larger than any message may be."""

    code = "envelope.too-large"
    next_step = "Send fewer or smaller attachments, or hand the papers over in another way."


class Malformed(EnvelopeRefused):
    """The sealed message is not in the form that sealed messages have."""

    code = "envelope.malformed"
    next_step = "Ask the sender to send it again; if it stays, its software does not keep to the format."


class NotForUs(EnvelopeRefused):
    """The sealed message is addressed to another authority."""

    code = "envelope.not-for-us"
    next_step = "Tell the sender that its routes are mixed up; nothing was opened."


class TooOld(EnvelopeRefused):
    """The message was sealed too long ago."""

    code = "envelope.too-old"
    next_step = "Ask the sender to send it again, sealed anew."


class FromTheFuture(EnvelopeRefused):
    """The message says that it was sealed later than now."""

    code = "envelope.from-the-future"
    lasting = False
    next_step = "Check the clocks of both machines; a difference of five minutes is allowed."


class DoesNotDecrypt(EnvelopeRefused):
    """The message does not open with our key."""

    code = "envelope.does-not-decrypt"
    next_step = "Ask the sender to send it again; it was damaged or altered on the way."


class WrongAlgorithm(EnvelopeRefused):
    """The message uses an algorithm that is not the one of the key."""

    code = "envelope.algorithm"
    next_step = "Tell the sender; an honest gateway does not do this."


class WrongType(EnvelopeRefused):
    """What lies in the envelope is not a message."""

    code = "envelope.type"
    next_step = "Tell the sender; something else was sealed in place of a message."


class WrongSignature(EnvelopeRefused):
    """The signature on the message is not the sender's."""

    code = "envelope.signature"
    next_step = "Telephone the sender; somebody may be sending in its name."


class Disagrees(EnvelopeRefused):
    """The outside of the message and the notice within name different authorities or ids."""

    code = "envelope.disagrees"
    next_step = "Telephone the sender; the message may have been meant for another authority."


class ReceiptRefused(Refusal):
    """The receipt cannot be used."""


class ReceiptMalformed(ReceiptRefused):
    """The receipt is not in the form that receipts have."""

    code = "receipt.malformed"
    next_step = "Send the message again; the partner then gives the same receipt again."


class ReceiptAlgorithm(ReceiptRefused):
    """The receipt is signed with an algorithm that is not the one of the key."""

    code = "receipt.algorithm"
    next_step = "Tell the partner; an honest gateway does not do this."


class ReceiptType(ReceiptRefused):
    """The token is not a receipt."""

    code = "receipt.type"
    next_step = "Tell the partner; the message counts as not received."


class ReceiptSignature(ReceiptRefused):
    """The signature on the receipt is not the partner's."""

    code = "receipt.signature"
    next_step = "Telephone the partner; the message counts as not received."


class ReceiptOtherParty(ReceiptRefused):
    """The receipt is from or for another authority."""

    code = "receipt.other-party"
    next_step = "Tell the partner; the message counts as not received."


class ReceiptOtherMessage(ReceiptRefused):
    """The receipt is for other bytes than those that were sent."""

    code = "receipt.other-message"
    next_step = "Tell the partner; the message counts as not received."


class ReceiptFromTheFuture(ReceiptRefused):
    """The receipt says that it was issued later than now."""

    code = "receipt.from-the-future"
    lasting = False
    next_step = "Check the clocks of both machines."


class StatementRefused(Refusal):
    """The statement cannot be used."""


class StatementMalformed(StatementRefused):
    """The statement is not in the form that statements have."""

    code = "statement.malformed"
    next_step = "Tell the partner; its software does not keep to the format."


class StatementAlgorithm(StatementRefused):
    """The statement is signed with an algorithm that is not the one of the key."""

    code = "statement.algorithm"
    next_step = "Tell the partner; an honest gateway does not do this."


class StatementType(StatementRefused):
    """The token is not a statement."""

    code = "statement.type"
    next_step = "Tell the partner; nothing was compared."


class StatementSignature(StatementRefused):
    """The signature on the statement is not the partner's."""

    code = "statement.signature"
    next_step = "Telephone the partner; nothing was compared."


class StatementOtherParty(StatementRefused):
    """The statement is from or for another authority."""

    code = "statement.other-party"
    next_step = "Tell the partner; nothing was compared."


class StatementOtherWindow(StatementRefused):
    """The statement is not about the days that were asked for."""

    code = "statement.other-window"
    next_step = "Tell the partner; nothing was compared."


class StatementNotFresh(StatementRefused):
    """The statement was not made just now."""

    code = "statement.not-fresh"
    lasting = False
    next_step = "Check the clocks of both machines."


class BearerRefused(Refusal):
    """The caller has not proved who they are."""


class BearerMalformed(BearerRefused):
    """The caller's token is not in the form that such tokens have."""

    code = "bearer.malformed"
    next_step = "The caller must send a token that its gateway made."


class BearerAlgorithm(BearerRefused):
    """The caller's token is signed with an algorithm that is not the one of the key."""

    code = "bearer.algorithm"
    next_step = "Look into who is calling; an honest gateway does not do this."


class BearerType(BearerRefused):
    """The token does not prove who is calling."""

    code = "bearer.type"
    next_step = "The caller must send a token that was made for this call."


class BearerSignature(BearerRefused):
    """The signature on the caller's token is not that of the authority named."""

    code = "bearer.signature"
    next_step = "Look into who is calling; somebody may be using another authority's name."


class BearerOtherAudience(BearerRefused):
    """The caller's token was made for another authority."""

    code = "bearer.other-audience"
    next_step = "The caller must make a token for the authority that it calls."


class BearerExpired(BearerRefused):
    """The caller's token has expired."""

    code = "bearer.expired"
    next_step = "The caller must make a new token for each call; check the clocks if this repeats."


class BearerFromTheFuture(BearerRefused):
    """The caller's token says that it was issued later than now."""

    code = "bearer.from-the-future"
    lasting = False
    next_step = "Check the clocks of both machines."


class NoteRefused(Refusal):
    """The signed checkpoint cannot be used."""


class NoteMalformed(NoteRefused):
    """The checkpoint is not in the form that checkpoints have."""

    code = "note.malformed"
    next_step = "Ask the authority for its checkpoint again."


class NoteOtherOrigin(NoteRefused):
    """The checkpoint belongs to another log."""

    code = "note.other-origin"
    next_step = "Ask the authority for the checkpoint of its own log."


class NoteSignature(NoteRefused):
    """No signature on the checkpoint is the authority's."""

    code = "note.signature"
    next_step = "Keep the text as evidence and telephone the authority."


class RingRefused(Refusal):
    """Our own keys cannot be used."""


class RingMissing(RingRefused):
    """There are no keys in the folder that the settings name."""

    code = "ring.missing"
    next_step = "Restore the keys from the newest backup; without them nothing that is kept can be read."


class RingExists(RingRefused):
    """There are keys in this folder already, and they were left as they are."""

    code = "ring.exists"
    next_step = "Name another folder; if this one is a half-made attempt, move it away first."


class RingExposed(RingRefused):
    """The key file can be read by other users of this machine."""

    code = "ring.exposed"
    next_step = "Run `chmod 600` on the file and `chmod 700` on its folder, then consider new keys."


class RingUnreadable(RingRefused):
    """The key file cannot be read, or is damaged."""

    code = "ring.unreadable"
    next_step = "Restore the file from the newest backup."


class RingNewer(RingRefused):
    """A newer version of cme-gateway wrote the key file."""

    code = "ring.newer"
    next_step = "Install that version again, or restore the backup of before the upgrade, with the database."


class RingPassphrase(RingRefused):
    """The passphrase does not open the keys."""

    code = "ring.passphrase"
    next_step = "Check the passphrase; if it is right, the file was altered: restore it from backup."


class RingIdentityAway(RingRefused):
    """The identity key is not on this machine, so no card can be signed here."""

    code = "ring.identity-away"
    next_step = "Bring `identity.json` back from where it is kept, sign the card, and take it away again."


class AtRestRefused(Refusal):
    """Our own copy of the notice cannot be read."""


class Destroyed(AtRestRefused):
    """The notice was destroyed at the end of its time; only the proof that it existed remains."""

    code = "at-rest.destroyed"
    next_step = "Look in the audit log for when and why."


class AtRestAltered(AtRestRefused):
    """Our copy of the notice does not open: it was altered, swapped, or locked with other keys."""

    code = "at-rest.altered"
    next_step = "Restore the database and the keys from the same backup, and look into who changed them."


class UnknownWrappingKey(AtRestRefused):
    """Our copy of the notice is locked with a key that is not among our keys."""

    code = "at-rest.unknown-key"
    next_step = "Restart every process of the gateway. If it stays, restore keys/ from a backup made after the last change of keys."


class SmimeRefused(Refusal):
    """The certificate or the key for letters to people cannot be used."""


class SmimeUnreadable(SmimeRefused):
    """The file holds no certificate that can be read."""

    code = "smime.unreadable"
    next_step = "Ask for the certificate without its private key, as a .cer, .crt, .pem or .p7b file."


class SmimeDamaged(SmimeRefused):
    """The certificate in the file is damaged, or cut off."""

    code = "smime.damaged"
    next_step = "Have the file sent again; in a ZIP archive it comes as it was sent."


class SmimeRequest(SmimeRefused):
    """The file holds a request for a certificate, and not the certificate that was issued for it."""

    code = "smime.request"
    next_step = "Ask for the certificate itself, as a .cer, .crt, .pem or .p7b file."


class SmimeKeyStore(SmimeRefused):
    """The file is a key store (.pfx, .p12), which holds a private key; nothing of it was kept."""

    code = "smime.key-store"
    next_step = (
        "Delete the file. Ask the authority for the certificate alone, as a .cer, .crt, .pem or .p7b file, and "
        "for a new key: theirs is no secret any more."
    )


class SmimeKeyAlone(SmimeRefused):
    """The file holds a private key and no certificate; nothing of it was kept."""

    code = "smime.key-alone"
    next_step = (
        "Delete the file. Ask the authority for the certificate alone, as a .cer, .crt, .pem or .p7b file, and "
        "for a new key: theirs is no secret any more."
    )


class SmimeNoAddress(SmimeRefused):
    """The certificate names no mail address."""

    code = "smime.no-address"
    next_step = "Get the certificate of this very mailbox; mail programs open letters by the address in it."


class SmimeOtherAddress(SmimeRefused):
    """The certificate is for another mail address."""

    code = "smime.other-address"
    next_step = "Get the certificate of this very mailbox; mail programs open letters by the address in it."


class SmimeNoRsaKey(SmimeRefused):
    """The certificate's key is no RSA key, and letters are encrypted to RSA keys alone."""

    code = "smime.no-rsa-key"
    next_step = "Ask the authority for an S/MIME certificate with an RSA key."


class SmimeShortKey(SmimeRefused):
    """The certificate's RSA key is shorter than 2,048 bits."""

    code = "smime.short-key"
    next_step = "Ask the authority for an S/MIME certificate with an RSA key of 2,048 bits or more."


class SmimeSignOnly(SmimeRefused):
    """The certificate may be used to sign, and not to encrypt."""

    code = "smime.sign-only"
    next_step = (
        "Ask the authority for the certificate to which this mailbox's mail is encrypted; some mailboxes have two."
    )


class SmimeNotForMail(SmimeRefused):
    """The certificate may not be used for mail."""

    code = "smime.not-for-mail"
    next_step = "Ask the authority for an S/MIME certificate; one for a web site or for signing in does not serve."


class SmimeNotYet(SmimeRefused):
    """The certificate's first day has not come."""

    code = "smime.not-yet"
    lasting = False
    next_step = "Enter it again on its first day, with `cme-gateway partner email`."


class SmimeOutOfDate(SmimeRefused):
    """The certificate's last day has passed."""

    code = "smime.out-of-date"
    lasting = False
    next_step = (
        "Get the newest certificate of this mailbox; another authority's is entered with `cme-gateway partner email`."
    )


class SmimeKeyUnreadable(SmimeRefused):
    """Our key for signing letters cannot be read."""

    code = "smime.key-unreadable"
    next_step = "Give [email] smime_key_file as PEM or DER; `openssl pkcs12 -nocerts` takes it out of a key store."


class SmimePassphrase(SmimeRefused):
    """Our key for signing letters does not open with the gateway's passphrase."""

    code = "smime.passphrase"
    next_step = "Write the key under the gateway's own passphrase, or under none: `openssl pkcs8 -topk8`."


class SmimeKeyKind(SmimeRefused):
    """Our key for signing letters is neither RSA nor on an elliptic curve that mail programs know."""

    code = "smime.key-kind"
    next_step = "Get a key and a certificate of RSA, which every mail program can check."


class SmimeNotTogether(SmimeRefused):
    """Our key for signing letters belongs to no certificate in the file."""

    code = "smime.not-together"
    next_step = "Give the certificate that was issued for this very key as [email] smime_certificate_file."


class IdTokenRefused(Refusal):
    """What the identity provider says of a person cannot be used."""


class IdTokenMalformed(IdTokenRefused):
    """The identity provider's answer about who signs in is not in the form that such answers have."""

    code = "id-token.malformed"
    next_step = "Sign in again; if it stays, the operator must look at how the gateway is registered there."


class IdTokenAlgorithm(IdTokenRefused):
    """The identity provider's answer is signed with an algorithm that is not allowed, or not the one of its key."""

    code = "id-token.algorithm"
    next_step = (
        "The operator must have the provider sign ID tokens with RS256, PS256 or ES256; if it does, look into it."
    )


class IdTokenUnknownKey(IdTokenRefused):
    """The identity provider's answer is signed with a key that the provider does not publish."""

    code = "id-token.unknown-key"
    lasting = False
    next_step = "Sign in again in a minute; the provider may have changed its keys just now."


class IdTokenSignature(IdTokenRefused):
    """The signature on the answer about who signs in is not the identity provider's."""

    code = "id-token.signature"
    next_step = "Tell the operator; somebody may have altered the answer."


class IdTokenOtherIssuer(IdTokenRefused):
    """The answer about who signs in comes from another identity provider than ours."""

    code = "id-token.other-issuer"
    next_step = "Tell the operator; [sign_in] issuer must be exactly what our provider calls itself."


class IdTokenOtherAudience(IdTokenRefused):
    """The identity provider's answer is meant for another program."""

    code = "id-token.other-audience"
    next_step = "Tell the operator; [sign_in] client_id must be the one of this gateway's registration."


class IdTokenOtherSignIn(IdTokenRefused):
    """The identity provider's answer belongs to another sign-in."""

    code = "id-token.other-sign-in"
    next_step = "Sign in again; if it repeats, tell the operator."


class IdTokenExpired(IdTokenRefused):
    """The identity provider's answer has expired."""

    code = "id-token.expired"
    next_step = "Sign in again; the operator should check the clock if this repeats."


class IdTokenFromTheFuture(IdTokenRefused):
    """The identity provider's answer says that it was given later than now."""

    code = "id-token.from-the-future"
    lasting = False
    next_step = "Tell the operator: the gateway's clock is slow."


class ApiTokenRefused(Refusal):
    """A case system has not shown that it may call."""


class ApiTokenMalformed(ApiTokenRefused):
    """The token is not in the form that the API's tokens have."""

    code = "api-token.malformed"
    next_step = "Get a token from /api/v1/token and send it as it came."


class ApiTokenAlgorithm(ApiTokenRefused):
    """The token is signed with an algorithm that is not the one of our key."""

    code = "api-token.algorithm"
    next_step = "Look into who is calling; a token of ours is never signed so."


class ApiTokenType(ApiTokenRefused):
    """The token is not one for the API."""

    code = "api-token.type"
    next_step = "Get a token from /api/v1/token."


class ApiTokenKey(ApiTokenRefused):
    """The token is signed with a key that is not the one that signs here now."""

    code = "api-token.key"
    next_step = "Get a new token from /api/v1/token; our keys may have changed."


class ApiTokenSignature(ApiTokenRefused):
    """The signature on the token is not ours."""

    code = "api-token.signature"
    next_step = "Look into who is calling; the token was changed or made up."


class ApiTokenOtherAudience(ApiTokenRefused):
    """The token was made by another gateway, or for another."""

    code = "api-token.other-audience"
    next_step = "Get a token from the gateway that is called."


class ApiTokenExpired(ApiTokenRefused):
    """The token has expired."""

    code = "api-token.expired"
    next_step = "Get a new token from /api/v1/token; each lives for ten minutes."


class ApiTokenFromTheFuture(ApiTokenRefused):
    """The token says that it was issued later than now."""

    code = "api-token.from-the-future"
    lasting = False
    next_step = "The operator should check the clocks of the gateway's machines."


def _leaves(kind: type[Refusal]) -> tuple[type[Refusal], ...]:
    below = tuple(leaf for child in kind.__subclasses__() for leaf in _leaves(child))
    return below or (kind,)


ALL: tuple[type[Refusal], ...] = _leaves(Refusal)
BY_CODE: dict[str, type[Refusal]] = {refusal.code: refusal for refusal in ALL}
