"""What a REST client is without its colour: arguments in, a call to drive out."""

from __future__ import annotations

import gc
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from . import checks
from ._version import __version__
from .call import Flow, call_flow, closing_flow
from .errors import (
    CredentialsError,
    DecodeError,
    ErrorTable,
    ExchangeError,
    Facts,
    KrakenError,
    NotSent,
    OrderStateUnknown,
    ReplyLost,
)
from .forms import form, lenient_text, repeated, text
from .operation import Encoded, Operation
from .options import Options
from .retry import Retries
from .signing import SIGNERS, Signer, Unsigned, nonce_source
from .tables import lift
from .transport import Lost, Reply, Request, is_file

if TYPE_CHECKING:
    import ssl
    from os import PathLike

    from .download import Download
    from .encoding import Codec
    from .limits import Limits
    from .product import Product

__all__ = ["Core"]

T = TypeVar("T")

Otp = str | Callable[[], str]

LARGE = 100_000
"""Bytes above which a reply is large."""

_NO_OPTIONS = Options()
_UNKNOWN_HINT = (
    "do not send it again before looking the order up: the request was sent once, and may have been carried out"
)
_PERHAPS_HINT = "it may have been carried out: look before making the call again"


class Core:
    """Builds, signs and reads the requests of one client; the client's own class does the I/O."""

    def __init__(
        self,
        *,
        product: Product,
        key: str,
        secret: str,
        url: str,
        proxy: str | None,
        use_custom_exceptions: bool,
        timeout: float,
        retries: int,
        nonce: Callable[[], int] | None,
        verify: ssl.SSLContext | bool,
        on_limit: str,
        tier: str | None = None,
        otp: Otp | None = None,
        random_: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.product = product
        self.url = checks.base_url(url or product.url)
        self.signer = SIGNERS[product.scheme](key, secret) if key or secret else None
        self.nonce = nonce or (nonce_source(key) if self.signer and self.signer.needs_nonce else None)
        self.otp = otp
        self.proxy = proxy and checks.proxy_url(proxy)
        self.verify = verify
        self.timeout = checks.seconds(timeout)
        self.use_custom_exceptions = use_custom_exceptions
        self.user_agent = f"kraken-typed-sdk/{__version__}"
        self._retries = Retries(retries, random_)
        self.limits: Limits | None = None
        self._may_wait = True
        if tier or product.tier or on_limit != "wait":
            from .limits import limits_of

            self.limits, self._may_wait = limits_of(product, self.url, key, tier, on_limit, clock)
        self._table: ErrorTable | None = None

    def __repr__(self) -> str:
        return f"{self.url!r}, {'signed' if self.signer else 'public only'}"

    @property
    def is_in_order(self) -> bool:
        """Whether signed requests of one key must arrive in the order in which they were made."""
        return self.signer is not None and self.nonce is not None

    @property
    def table(self) -> ErrorTable:
        if self._table is None:
            self._table = import_module("kraken.exceptions").TABLE
        return self._table

    def preload(self, groups: Iterable[str]) -> None:
        """Build the validators of every call of some groups."""
        from .encoding import codec

        for name in groups:
            try:
                module = import_module(f"kraken.{self.product.name}.operations.{name}")
            except ModuleNotFoundError:
                raise checks.refused(f"group: {name!r} is unknown") from None
            for operation in vars(module).values():
                if isinstance(operation, Operation):
                    codec(operation)

    # ------------------------------------------------------------------ typed calls

    def call(self, operation: Operation[T], arguments: Mapping[str, Any], options: Options | None) -> Flow[T]:
        """The call of one operation. Arguments are checked now, before anything is sent."""
        from .encoding import codec, encode_arguments

        chosen = options or _NO_OPTIONS
        self._warn(operation.path, operation)
        if operation.client_order_id:
            from .order_ids import with_client_order_ids

            arguments = with_client_order_ids(operation, arguments, chosen.on_client_order_id)
        encoded = encode_arguments(operation, arguments, chosen.extra)
        facts = self._identified(Facts(operation.name, sent=True), operation, encoded.values)
        known = codec(operation)

        def decode(outcome: Reply | Lost) -> T | KrakenError:
            large = isinstance(outcome, Reply) and len(outcome.body) > LARGE
            with _collector_paused() if large else nullcontext():
                result: T | KrakenError = self._decode(outcome, operation, facts, chosen, known)
            self._account(operation, encoded, result)
            return result

        def delay(error: KrakenError, attempt: int) -> float | None:
            return self._retries.delay(error, attempt, self.table) if operation.retry else None

        return call_flow(self._builder(operation, encoded, chosen), decode, delay, self._turn(operation, encoded))

    def download(
        self,
        operation: Operation[bytes],
        arguments: Mapping[str, Any],
        to: PathLike[str] | str | None,
        options: Options | None,
    ) -> Flow[bytes]:
        """The call of an operation whose result is a file."""
        from .download import Download
        from .encoding import encode_arguments

        chosen = options or _NO_OPTIONS
        self._warn(operation.path, operation)
        encoded = encode_arguments(operation, arguments, chosen.extra)
        facts = Facts(operation.name, sent=True)
        sink = Download(operation.name, to)

        def decode(outcome: Reply | Lost) -> bytes | KrakenError:
            result = self._downloaded(outcome, operation, facts, chosen, sink)
            self._account(operation, encoded, result)
            return result

        def delay(error: KrakenError, attempt: int) -> float | None:
            return self._retries.delay(error, attempt, self.table) if operation.retry else None

        build = self._builder(operation, encoded, chosen, text, sink)
        return closing_flow(call_flow(build, decode, delay, self._turn(operation, encoded)), sink.abandon)

    def _downloaded(
        self, outcome: Reply | Lost, operation: Operation[Any], facts: Facts, options: Options, sink: Download
    ) -> bytes | KrakenError:
        if isinstance(outcome, Reply) and is_file(outcome.status, outcome.headers):
            if options.on_reply is not None:
                options.on_reply(outcome)
            if outcome.body:  # a transport that does not know sinks
                sink(outcome.body)
            return sink.finish()
        sink.abandon()
        result = self._unwrap(outcome, operation, facts, options)
        return result if isinstance(result, KrakenError) else DecodeError("the reply is not a file", facts)

    def _builder(
        self,
        operation: Operation[Any],
        encoded: Encoded,
        options: Options,
        as_text: Callable[[Any], str] = text,
        sink: Download | None = None,
    ) -> Callable[[], Request]:
        signed = self._signed(operation)
        target = f"{encoded.path}?{encoded.query}" if encoded.query else encoded.path
        headers = {"User-Agent": self.user_agent, "Accept-Encoding": "gzip", **checks.header_fields(options.headers)}
        timeout = self.timeout if options.timeout is None else checks.seconds(options.timeout)
        is_json = operation.encoding == "json"
        rest = b""
        if encoded.body:
            rest = _json_body(encoded.body) if is_json else form(encoded.body, as_text).encode("ascii")
        content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
        unsigned = Unsigned(operation.signing, target, rest, is_json)

        def build() -> Request:
            if sink is not None:
                sink.begin()
            own, body = ({}, rest) if signed is None else signed.sign(unsigned, self._next_nonce(), self._password())
            typed = {**headers, "Content-Type": content_type} if body else headers
            return Request(operation.method, target, {**typed, **own}, body, timeout, sink)

        return build

    def _turn(self, operation: Operation[Any], encoded: Encoded) -> Callable[[], float] | None:
        """Reserves room at Kraken's rate limits before each sending."""
        limits = self.limits
        if limits is None or not limits.counts(operation):
            return None
        from .limits import charge_of

        charge = charge_of(operation, encoded.values)
        return lambda: limits.reserve(charge, operation.name, wait=self._may_wait)

    def _account(self, operation: Operation[Any], encoded: Encoded, result: object) -> None:
        """Learn from a reply for the retries and the rate limits."""
        if not isinstance(result, KrakenError):
            self._retries.succeeded()
        if self.limits is not None and self.limits.counts(operation):
            self.limits.settle(operation, encoded.values, result)

    def _signed(self, operation: Operation[Any]) -> Signer | None:
        if not operation.auth:
            return None
        if self.signer is None:
            raise CredentialsError(
                "needs an API key and its secret",
                Facts(
                    operation.name, sent=False, hint="pass key= and secret= to the client, both from Kraken's API page"
                ),
            )
        return self.signer

    def _next_nonce(self) -> int | None:
        if self.nonce is None:
            return None
        nonce = self.nonce()
        if not isinstance(nonce, int):
            raise checks.refused(f"nonce: the function gave {nonce!r}; allowed: an int")
        return nonce

    def _password(self) -> str | None:
        if self.otp is None:
            return None
        otp = self.otp() if callable(self.otp) else self.otp
        if isinstance(otp, str):
            return otp
        otp = type(otp).__name__
        raise checks.refused(f"otp: {otp}; allowed: a str, or a function that gives one")

    def _identified(self, facts: Facts, operation: Operation[Any], values: Mapping[str, Any]) -> Facts:
        """Facts with what identifies the order that is placed, changed or cancelled."""
        if operation.danger == "none":
            return facts
        ids = {name: values[name] for name in operation.order_ids if name in values}
        ids = ids or {name: value for name, value in values.items() if name != "otp"}
        own = ids.get(self.product.own_id)
        return facts._replace(ids=ids, cl_ord_id=own if isinstance(own, str) else None)

    def _warn(self, path: str, operation: Operation[Any] | None = None) -> None:
        """Tell what is deprecated, each thing once per process: it must be called from what users call by way of one function."""
        end = self.product.end
        if end is not None and path.startswith(end.paths):
            _warn_once(end.paths, f"Kraken switches {end.paths} off on {end.date}; use {end.replaced_by}")
        if operation is not None and operation.replaced_by:
            _warn_once(operation.key, f"{operation.name} is deprecated; use {operation.replaced_by}")

    # ------------------------------------------------------------------ replies

    def _decode(
        self,
        outcome: Reply | Lost,
        operation: Operation[Any],
        facts: Facts,
        options: Options,
        known: Codec,
    ) -> Any:
        body, tables = b"", None
        if isinstance(outcome, Reply):
            body = outcome.body
            if known.lazy and len(body) > LARGE:
                body, tables = lift(body, known.lazy)
        result = self._unwrap(outcome, operation, facts, options, body)
        if isinstance(result, KrakenError):
            return result
        try:
            return known.result.validate_python(result, context=tables)
        except ValueError as error:
            assert isinstance(outcome, Reply)
            # Its traceback would hold the reply, in which there may be a token.
            error.__traceback__ = None
            hint = (
                "Kraken carried the request out; the raw reply is in facts.body"
                if operation.danger != "none"
                else "the raw reply is in facts.body"
            )
            unexpected = DecodeError(
                "the reply does not have the documented form", facts._replace(hint=hint, body=outcome.body)
            )
            unexpected.__cause__ = error
            return unexpected

    def _unwrap(
        self,
        outcome: Reply | Lost,
        operation: Operation[Any],
        facts: Facts,
        options: Options,
        body: bytes | None = None,
    ) -> Any:
        """The result inside of a reply (or of a `body` made of it), or the error that the reply or its loss means."""
        from .envelopes import Unreadable, opened
        from .json import MALFORMED
        from .json import decode as decode_json

        if isinstance(outcome, Lost):
            return self._lost(outcome, operation, facts)
        if options.on_reply is not None:
            options.on_reply(outcome)
        try:
            decoded = decode_json(outcome.body if body is None else body)
            result = opened(
                operation,
                decoded,
                outcome.status,
                self.table,
                facts._replace(body=outcome.body) if operation.outcome else facts,
            )
        except (Unreadable, *MALFORMED) as error:
            what = f"HTTP {outcome.status} with a body that is not Kraken's JSON"
            return self._unknown(what, operation, facts._replace(body=outcome.body), error)
        if outcome.status >= 500 and not isinstance(result, ExchangeError):
            return self._unknown(f"HTTP {outcome.status}", operation, facts._replace(body=outcome.body), None)
        return result

    def _lost(self, lost: Lost, operation: Operation[Any], facts: Facts) -> KrakenError:
        cause = str(lost.cause) or type(lost.cause).__name__
        if lost.sent:
            return self._unknown(f"no reply: {cause}", operation, facts, lost.cause)
        error = NotSent(f"could not connect to {self.url}: {cause}", facts._replace(sent=False))
        error.__cause__ = lost.cause
        return error

    def _unknown(self, what: str, operation: Operation[Any], facts: Facts, cause: BaseException | None) -> KrakenError:
        """A reply that tells nothing: harmless for a read, an open question for everything else."""
        error: KrakenError
        if operation.danger == "none":
            error = ReplyLost(what, facts if operation.retry else facts._replace(hint=_PERHAPS_HINT))
        else:
            error = OrderStateUnknown(what, facts._replace(hint=_UNKNOWN_HINT))
        error.__cause__ = cause
        return error

    # ------------------------------------------------------------------ the generic request

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None,
        timeout: float | None,
        *,
        auth: bool,
        return_raw: bool,
        do_json: bool = False,
        query_str: str | None = None,
        query_params: Mapping[str, Any] | None = None,
        extra_params: str | Mapping[str, Any] | None = None,
    ) -> Flow[Any]:
        """The call of any path, known or not, with plain values in and out. It is never repeated."""
        from .envelopes import refusal
        from .json import decode_plain

        operation = self._generic_operation(method, uri, auth, do_json)
        self._warn(operation.path)
        pairs = self._given({**(params or {}), **_extra_params(extra_params)}, do_json)
        if auth:
            pairs = [pair for pair in pairs if pair[0] != "nonce"]
        in_query = self._given(query_params or {}, False)
        encoded = _generic_encoded(operation, pairs, query_str, in_query)
        options = Options(timeout=timeout)
        facts = self._identified(Facts(operation.key, sent=True), operation, dict([*in_query, *pairs]))

        def decode_reply(outcome: Reply | Lost) -> Any:
            if return_raw and _is_file(outcome):
                return outcome
            result = self._unwrap(outcome, operation, facts, options)
            if isinstance(outcome, Lost):
                return result
            if not isinstance(result, KrakenError):
                result = (
                    refusal(operation, result, self.table, facts._replace(body=outcome.body), in_rows=True) or result
                )
            if isinstance(result, ExchangeError) and not self.use_custom_exceptions:
                return decode_plain(outcome.body)
            if isinstance(result, KrakenError):
                return result
            return outcome if return_raw else _plain_result(decode_plain(outcome.body), operation.envelope)

        return call_flow(self._builder(operation, encoded, options, lenient_text), decode_reply, _never_again)

    def prepare(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None,
        *,
        auth: bool,
        do_json: bool = False,
        query_params: Mapping[str, Any] | None = None,
    ) -> Request:
        """A request of the generic kind, signed but not sent."""
        operation = self._generic_operation(method, uri, auth, do_json)
        in_query = self._given(query_params or {}, False)
        encoded = _generic_encoded(operation, self._given(params or {}, do_json), None, in_query)
        return self._builder(operation, encoded, _NO_OPTIONS, lenient_text)()

    def _generic_operation(self, method: str, uri: str, auth: bool, do_json: bool) -> Operation[Any]:
        return _generic_operation(self.product.name, self.product.scheme, method, uri, auth, do_json)

    def _given(self, params: Mapping[str, Any], do_json: bool) -> list[tuple[str, Any]]:
        if do_json:
            return [(name, _exact(value)) for name, value in params.items() if value is not None]
        given = [item for item in params.items() if item[1] is not None]
        return repeated(given) if self.product.repeats_lists else given


@lru_cache(maxsize=256)
def _generic_operation(product: str, scheme: str, method: str, uri: str, auth: bool, do_json: bool) -> Operation[Any]:
    method = checks.verb(method)
    path = checks.path("uri", uri if uri.startswith("/") else f"/{uri}")
    known = import_module(f"kraken.{product}.decode").find_operation(f"{method} {path.partition('?')[0]}")
    encoding = "query" if method in ("GET", "DELETE") else "json" if do_json else "form"
    if known is not None:
        return Operation(
            path,
            method,
            path,
            "",
            auth=auth,
            encoding=encoding,
            envelope=known.envelope,
            signing=known.signing,
            retry=known.retry,
            danger=known.danger,
            client_order_id=known.client_order_id,
            order_ids=known.order_ids,
            outcome=known.outcome,
        )
    danger = "none" if method == "GET" or not auth else "trades"
    return Operation(
        path,
        method,
        path,
        "",
        auth=auth,
        encoding=encoding,
        envelope=scheme,
        signing=scheme,
        danger=danger,
        retry=danger == "none",
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Building a large result makes nothing but new objects; looking through them for garbage, again and again, takes
    as long as making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _never_again(_error: KrakenError, _attempt: int) -> None:
    """A call of an unknown kind is not repeated."""


def _generic_encoded(
    operation: Operation[Any],
    pairs: list[tuple[str, Any]],
    query_str: str | None,
    in_query: list[tuple[str, Any]],
) -> Encoded:
    path, _, query = operation.path.partition("?")
    as_query = operation.encoding == "query"
    added = checks.path("query_str", query_str or "")
    asked = form([*in_query, *(pairs if as_query else ())], lenient_text)
    return Encoded(path, "&".join(filter(None, (query, added, asked))), [] if as_query else pairs, {})


def _plain_result(body: Any, envelope: str) -> Any:
    return body.get("result", body) if envelope == "spot" and isinstance(body, dict) else body


def _exact(value: Any) -> Any:
    """The generic request takes floats: as the shortest decimal that is the same float."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    return [_exact(item) for item in value] if isinstance(value, list | tuple) else value


def _is_file(outcome: Reply | Lost) -> bool:
    """Whether a reply is a good one in another form than JSON, such as an export."""
    return isinstance(outcome, Reply) and outcome.status < 300 and not outcome.body.lstrip().startswith(b"{")


def _extra_params(given: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if not isinstance(given, str):
        return given or {}
    from .json import MALFORMED, decode

    try:
        params = decode(given.encode())
    except MALFORMED:
        params = None
    if not isinstance(params, dict):
        raise checks.refused("extra_params: the text is not a JSON object")
    return params


def _json_body(pairs: list[tuple[str, Any]]) -> bytes:
    from .encoding import json_body

    return json_body(pairs)


_warned: set[str] = set()


def _warn_once(what: str, message: str) -> None:
    if what not in _warned:
        _warned.add(what)
        warnings.warn(message, DeprecationWarning, stacklevel=6)
