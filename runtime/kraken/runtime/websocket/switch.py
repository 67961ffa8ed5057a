"""A dead man's switch that is kept from firing for as long as its user is alive and connected."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

from ..errors import Facts, InvalidRequest, KrakenError, NotSent, OrderStateUnknown
from .events import Dropped, Reopened, SwitchFired, SwitchLeftOn, SwitchNotRenewed
from .tasks import begin

if TYPE_CHECKING:
    from types import TracebackType

    from .client import WebSocketClient
    from .protocol import Switch
    from .session import Session

__all__ = ["DeadMansSwitch", "SwitchStillOn"]

log = logging.getLogger("kraken.runtime.websocket")

RENEWALS = 3
"""How often the switch is set within the time that it runs for."""
PAUSE = 1.0
"""Seconds before another try when it could not be set, if that is sooner."""


class SwitchStillOn(KrakenError):
    """A dead man's switch could not be switched off: all orders will be cancelled at the time that the message names."""

    category = "client"


class DeadMansSwitch:
    """Has the exchange cancel all open orders of the account when this program dies or loses its connection.

    While the `async with` block runs, the exchange's timer is set anew three times within its length, and at once when a
    dropped connection is open again. When the block ends in good order the timer is switched off, and orders stay.

    When the block ends with an exception, cancellation included, nobody looks after the orders any more. The timer is
    then left running, so that they are cancelled when it runs out, unless `disarm_on_error` was chosen.

    The timer belongs to the account: there is one, whoever sets it.
    """

    def __init__(self, client: WebSocketClient, switch: Switch, seconds: int, *, disarm_on_error: bool) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < RENEWALS:
            raise InvalidRequest(f"seconds: {seconds!r} is not allowed; allowed: whole numbers from {RENEWALS}")
        client._require_key(switch.method.auth, switch.method.name)
        self._client = client
        self._switch = switch
        self._seconds = seconds
        self._disarm_on_error = disarm_on_error
        self._trigger_time: str | None = None
        self._expires: float | None = None
        self._error: KrakenError | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        state = f"on, {self.remaining:.0f} s left" if self.armed else "off"
        return f"<DeadMansSwitch {state}>"

    @property
    def armed(self) -> bool:
        """Whether the exchange's timer is running, as far as is known; False once it must have run out."""
        return self.remaining > 0

    @property
    def remaining(self) -> float:
        """Seconds until all orders are cancelled, unless the timer is set anew; 0 when it is not running."""
        return 0.0 if self._expires is None else max(0.0, self._expires - self._client._timing.clock())

    @property
    def trigger_time(self) -> str | None:
        """When all orders will be cancelled unless the timer is set anew, as the exchange said; None while it is off."""
        return self._trigger_time

    @property
    def error(self) -> KrakenError | None:
        """Why the timer could not be set anew the last time; None when it could."""
        return self._error

    async def __aenter__(self) -> Self:
        if self._tasks:
            raise InvalidRequest("this switch is on already")
        await self._set(self._seconds)
        self._tasks = [
            begin(self._keep_on(), name="kraken dead man's switch"),
            begin(self._watch(), name="kraken dead man's switch, connection"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if error is not None and not self._disarm_on_error:
            log.warning("the dead man's switch stays on: all orders will be cancelled at %s", self._trigger_time)
            self._client._emit(SwitchLeftOn(self._trigger_time))
            return
        try:
            await self._switch_off()
        except SwitchStillOn as failure:
            if error is None:
                raise
            log.error("%s", failure)
            error.add_note(str(failure))

    async def _set(self, seconds: int, timeout: float | None = None) -> None:
        """Set the timer, or switch it off with 0."""
        client, switch = self._client, self._switch
        sent = client._timing.clock()
        result: Any = await client._call(switch.method, {switch.argument: seconds}, timeout)
        # Counted from before the request left, so that it never looks safer than it is.
        self._expires = sent + seconds if seconds else None
        self._trigger_time = getattr(result, switch.moment, None) if seconds else None
        self._error = None

    async def _keep_on(self) -> None:
        interval = self._seconds / RENEWALS
        patience = min(self._client._timeout, interval / 2)
        while True:
            await self._pause(interval if self._error is None else min(PAUSE, interval))
            self._tell_if_fired()  # the program itself may have been held up
            try:
                async with asyncio.timeout(interval):
                    await self._set(self._seconds, patience)
            except KrakenError as error:
                self._tell(error)
            except TimeoutError:
                self._tell(NotSent(f"no connection within {interval:g} s", Facts(sent=False)))
            self._tell_if_fired()

    def _tell(self, error: KrakenError) -> None:
        """Say that the timer could not be set anew, but not again and again."""
        if self._error is None:
            log.warning("the dead man's switch could not be set anew: %s", error)
            self._client._emit(SwitchNotRenewed(self._trigger_time, self.remaining, error))
        self._error = error

    def _tell_if_fired(self) -> None:
        if self._expires is not None and not self.armed:
            self._expires = None
            log.error("the dead man's switch must have run out; all orders are cancelled")
            self._client._emit(SwitchFired(self._trigger_time))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when the connection is open again."""
        sleeping = asyncio.ensure_future(self._client._timing.sleep(seconds))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait([sleeping, waking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
        self._wake.clear()

    async def _watch(self) -> None:
        """Notice when the connection has been made anew, or is gone and nobody else makes it anew."""
        name = self._switch.method.socket
        async for event in self._client.events():
            if not isinstance(event, (Dropped, Reopened)) or event.socket != name:
                continue
            # A try that failed may have ended the connection itself; the next one has its own time.
            if isinstance(event, Reopened) or (self._error is None and self._session().state != "connecting"):
                self._wake.set()

    async def _switch_off(self) -> None:
        """Switch the timer off. A connection that is down is waited for: a request that never left may be made again.

        Raises:
            SwitchStillOn: It could not be done in time.
        """
        client = self._client
        try:
            async with asyncio.timeout(client._timeout):
                while True:
                    try:
                        return await self._set(0, client._timeout / RENEWALS)
                    except (NotSent, OrderStateUnknown) as error:
                        self._error = error
                        await client._timing.sleep(PAUSE / 10)
                        await self._session().open()
        except (KrakenError, TimeoutError) as failure:
            when = f"at {self._trigger_time}" if self._trigger_time else f"within {self._seconds} s"
            message = f"the dead man's switch could not be switched off: all open orders will be cancelled {when}"
            hint = f"switch it off with {self._switch.method.name}({self._switch.argument}=0)"
            raise SwitchStillOn(message, Facts(operation=self._switch.method.name, hint=hint)) from (
                self._error or failure
            )

    def _session(self) -> Session:
        return self._client._session(self._switch.method.socket)
