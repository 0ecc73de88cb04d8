"""For each kind of route: two authorities, and a real server between them that can be stopped and started."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from adapters.route import Carrier, RouteAddress
from gateway import app, home_folder
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.exchange.collect import collect_from
from gateway.store import inbox
from keys import tls
from tests import mail
from tests.conftest import free_port, introduce, make
from tests.sshd import new_key, sshd


@dataclass(frozen=True)
class World:
    """What the contract asks of one kind of route."""

    kind: str
    sandwell: Gateway
    worcestershire: Gateway
    # The server, for as long as inside.
    serving: Callable[[], AbstractAsyncContextManager[None]]
    # Of a server that is not theirs; of our own, where the route leads through one.
    other_pin: str
    others: tuple[Gateway, ...] = ()
    # Is something under way that will come by itself?
    on_the_way: Callable[[], bool] = lambda: False
    tidy: Callable[[], None] = lambda: None

    @property
    def carrier(self) -> Carrier:
        """Sandwell's."""
        return self.sandwell.carriers[self.kind]

    @property
    def address(self) -> RouteAddress:
        """Worcestershire's, as Sandwell finds it."""
        return self._at(self.sandwell)

    @property
    def own_address(self) -> RouteAddress:
        """Worcestershire's, as it finds it itself."""
        return self._at(self.worcestershire)

    @property
    def port(self) -> int:
        """Of the server to which Sandwell connects."""
        address = self.address
        return urlsplit(address.mail.smtp if self.kind == "email" and address.mail else address.url).port or 0

    @property
    def elsewhere(self) -> RouteAddress:
        """The same address, where the server is not the one that is pinned."""
        address = self.address
        if self.kind == "email":
            assert address.mail is not None
            return replace(address, mail=replace(address.mail, authorities=self.other_pin))
        return replace(address, pin=self.other_pin)

    async def arrived(self) -> set[str]:
        """The ids of what Worcestershire has kept."""
        while self.on_the_way():
            await asyncio.sleep(0.02)
        if self.kind != "https":
            while await collect_from(self.worcestershire, self.kind, self._at(self.worcestershire)):
                continue
        gw = self.worcestershire
        return {one.message_id for one in gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))}

    async def close(self) -> None:
        """Let go of everything."""
        for gw in (self.sandwell, self.worcestershire, *self.others):
            for carrier in gw.carriers.values():
                await carrier.close()
            gw.store.close()
        self.tidy()

    def _at(self, gw: Gateway) -> RouteAddress:
        routes = {route.kind: route for route in self.worcestershire.own_card.routes}
        return gw.build_address("885", routes[self.kind])


def https(folder: Path) -> World:
    """Worcestershire's own gateway answers."""
    sandwell, worcestershire = make(folder / "333", "333", "Sandwell"), make(folder / "885", "885", "Worcestershire")
    introduce(sandwell, worcestershire)
    _, other = tls.self_signed("127.0.0.1", now=sandwell.now(), days=9)

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        async with app.run_gateway(replace(worcestershire, carriers={})):
            yield

    return World("https", sandwell, worcestershire, serving, tls.der_base64(other))


def sftp(folder: Path) -> World:
    """OpenSSH's server holds what is left; Worcestershire fetches it."""
    port = free_port()
    with sshd(folder / "sshd", port) as made:
        # Its keys and folders stay when it stops.
        first = made
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        make(folder / code, code, name).store.close()
        with (folder / code / "gateway.toml").open("a") as settings:
            settings.write(f'\n[logins.885]\nuser = "{first.user}"\nkey_file = "{first.private_key}"\n')
    with (folder / "885" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[sftp]\nurl = "{first.url}"\nhost_key = "{first.host_key}"\n')
    home_folder.renew_card(folder / "885", by="test")
    sandwell, worcestershire = (home_folder.open_gateway(folder / code) for code in ("333", "885"))
    introduce(sandwell, worcestershire)

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        with sshd(folder / "sshd", port):
            yield

    return World("sftp", sandwell, worcestershire, serving, new_key(folder / "other_key"))


def mailbox(folder: Path) -> World:
    """Birmingham's gateway holds Worcestershire's mailbox."""
    host = hosting(folder / "330")
    sandwell = make(folder / "333", "333", "Sandwell")
    worcestershire = with_mailbox(folder / "885", host)
    for one, other in ((host, sandwell), (sandwell, worcestershire)):
        introduce(one, other)
    # As renewed: with the mailbox.
    add_partner(host, (folder / "885" / home_folder.CARD_FILE).read_text("ascii"), by="test")
    _, another = tls.self_signed("127.0.0.1", now=sandwell.now(), days=9)

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        async with app.run_gateway(replace(host, carriers={})):
            yield

    return World("mailbox", sandwell, worcestershire, serving, tls.der_base64(another), (host,))


def hosting(home: Path, more: str = "") -> Gateway:
    """Birmingham, which holds a mailbox for Worcestershire."""
    make(home, "330", "Birmingham").store.close()
    with (home / "gateway.toml").open("a") as settings:
        settings.write(f'\n[hosting]\nowners = "885"\n{more}\n')
    return home_folder.open_gateway(home)


def with_mailbox(home: Path, host: Gateway) -> Gateway:
    """Worcestershire, whose mailbox this host holds."""
    before = make(home, "885", "Worcestershire")
    introduce(before, host)
    before.store.close()
    with (home / "gateway.toml").open("a") as settings:
        settings.write(f'\n[mailbox]\nhost = "{host.code}"\n')
    home_folder.renew_card(home, by="test")
    return home_folder.open_gateway(home)


def email(folder: Path) -> World:
    """Exim takes in what is sent, and Dovecot hands it to whoever it is for."""
    made = ExitStack()
    mails = made.enter_context(mail.home())
    ports = free_port(), free_port()
    with mail.servers(mails, *ports) as first:
        for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
            make(folder / code, code, name).store.close()
            with (folder / code / "gateway.toml").open("a") as settings:
                settings.write(first.build_settings(f"gateway@{name.lower()}.example"))
            home_folder.renew_card(folder / code, by="test")
    sandwell, worcestershire = (home_folder.open_gateway(folder / code) for code in ("333", "885"))
    introduce(sandwell, worcestershire)
    _, other = tls.self_signed("127.0.0.1", now=sandwell.now(), days=9)

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        with mail.servers(mails, *ports):
            yield

    return World(
        "email",
        sandwell,
        worcestershire,
        serving,
        other.decode(),
        on_the_way=lambda: any((mails / "spool" / "input").glob("**/*-[DHJ]")),
        tidy=made.close,
    )


WORLDS: dict[str, Callable[[Path], World]] = {"email": email, "https": https, "mailbox": mailbox, "sftp": sftp}
