"""Gateways that behave as the worst ones do, in memory."""

import asyncio
from collections.abc import Callable

from core.messaging.gateways import Gateway, NotTaken
from core.messaging.ledger import Tried
from core.messaging.post import Outgoing
from core.messaging.rules import GatewayKind, SendFault
from core.messaging.sender import carry, reach


class Memory:
    """Takes everything, after ``seconds``; remembers what it took and how many came at once."""

    kind = GatewayKind.SMS

    def __init__(self, seconds: float = 0.0, at_once: int = 256) -> None:
        self.seconds, self.at_once = seconds, at_once
        self.taken: list[Outgoing] = []
        self.most_at_once = self._now = 0

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.taken]

    async def open(self) -> "Memory":
        return self

    def close(self) -> None:
        pass

    async def send(self, message: Outgoing) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await asyncio.sleep(self.seconds)
            self.taken.append(message)
        finally:
            self._now -= 1


class Refusing(Memory):
    """Takes nothing: can't be reached, or says so."""

    def __init__(self, fault: SendFault = SendFault.NOT_REACHED) -> None:
        super().__init__()
        self.fault, self.asked = fault, 0

    async def open(self) -> Memory:
        if self.fault is SendFault.NOT_REACHED:
            self.asked += 1
            raise NotTaken(self.fault)
        return self

    async def send(self, message: Outgoing) -> None:
        self.asked += 1
        raise NotTaken(self.fault)


class Lying(Memory):
    """Takes everything and then breaks the connection."""

    async def send(self, message: Outgoing) -> None:
        await super().send(message)
        raise ConnectionResetError(f"{message.to} {message.text}")


class Scripted(Memory):
    """Does what ``script`` does with each message."""

    def __init__(self, script: Callable[[Outgoing], None]) -> None:
        super().__init__()
        self._script = script

    async def send(self, message: Outgoing) -> None:
        self._script(message)
        await super().send(message)


async def tried(gateway: Gateway, message: Outgoing) -> Tried:
    """One message through one gateway."""
    line = await reach(gateway)
    if isinstance(line, SendFault):
        return Tried(message, line, departed=False)
    return await carry(line, message)
