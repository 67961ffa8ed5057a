"""How a protocol words its requests, and how one tells which request a message answers.

What differs between the exchange's protocols stands in one `Dialect`, a constant that is generated from the spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .subscription import field

if TYPE_CHECKING:
    from .protocol import Channel

__all__ = ["NUMBERED", "Answer", "Answers", "Challenge", "Dialect"]


class Answers(NamedTuple):
    """The verbs of the messages that answer a request."""

    accepted: tuple[str, ...]
    refused: tuple[str, ...] = ()


class Challenge(NamedTuple):
    """The handshake with which a connection proves who it is, before the first private request."""

    verb: str
    """What the request is called, and its reply."""
    key: str
    """The parameter that takes the API key; private requests carry it too."""
    reply: str
    """The member of the reply that is to be signed."""
    original: str
    """The parameter of private requests that repeats it."""
    signed: str
    """The parameter of private requests that takes the signature."""


class Answer(NamedTuple):
    """What a message without a number says about one thing that was asked for."""

    frame: Any
    """The message."""
    result: Mapping[str, Any] | None = None
    """What it is about."""
    error: str | None = None
    success: bool = True


class Dialect(NamedTuple):
    """The words of a protocol. The defaults are those of one whose replies repeat the number of their request."""

    verb: str = "method"
    """The member of a request that says what is wanted."""
    parameters: str = "params"
    """The member that holds the parameters; empty where they stand beside the verb."""
    number: str = "req_id"
    """The member with a number that replies repeat; empty where a reply tells by its content what it answers."""
    channel: str = "channel"
    """The parameter that names a channel."""
    ping: str = "ping"
    """The request that any socket answers; empty where the socket's own pings have to do."""
    replies: Mapping[str, Answers] = MappingProxyType({})
    """Without numbers: what answers each verb."""
    errors: tuple[str, ...] = ()
    """Without numbers: the verbs of messages that refuse a request without saying which."""
    words: str = "error"
    """The member of a refusal with its reason."""
    greeting: str = ""
    """The verb of the message that the exchange begins with."""
    challenge: Challenge | None = None
    """How a connection proves who it is; without it, private requests carry a token."""
    keepalive: float | None = None
    """Seconds between pings of the socket that the exchange insists on."""
    requests: tuple[int, float] | None = None
    """How many requests a connection may send within how many seconds, if that is limited."""
    heartbeat: Channel | None = None
    """A channel that is subscribed beside all others, as a sign of life."""

    def message(self, verb: str, parameters: Mapping[str, Any], number: int) -> dict[str, Any]:
        """A request, ready for JSON."""
        given = {self.channel if name == "channel" else name: value for name, value in parameters.items()}
        if self.parameters:
            given = {self.parameters: given} if given else {}
        return {self.verb: verb, **given, **({self.number: number} if self.number else {})}

    def answers(self, frame: Any, verb: str, parameters: Mapping[str, Any], each: str) -> Sequence[Answer] | None:
        """What a message without a number says about an open request.

        Args:
            frame: The message.
            verb: What was asked for.
            parameters: And how.
            each: The list parameter of which every element is answered; empty when there is none.

        Returns:
            An answer for each element that the message is about, or one for all; None when it is about something else.
        """
        said, words = field(frame, self.verb), field(frame, self.words)
        if said in self.errors:
            return [Answer(frame, error=str(words or said), success=False)]
        known = self.replies.get(verb, Answers((verb,)))
        if said not in known.accepted + known.refused or field(frame, self.channel) != parameters.get("channel"):
            return None
        error = str(words or said) if said in known.refused else None
        asked = parameters.get(each) or [None]
        named = field(frame, each) if each else None
        told = [named] if isinstance(named, str) else named or asked
        return [Answer(frame, {each: value}, error, error is None) for value in told if value in asked] or None


NUMBERED = Dialect()
"""What is spoken when nothing else is declared."""
