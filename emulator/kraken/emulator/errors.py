"""What the emulator says when it refuses: Kraken's words, each of which stands in ``specs/errors.yaml``."""

from __future__ import annotations

from enum import StrEnum


class Words(StrEnum):
    """Kraken's error texts, without the detail that may follow."""

    INVALID_KEY = "EAPI:Invalid key"
    INVALID_SIGNATURE = "EAPI:Invalid signature"
    INVALID_NONCE = "EAPI:Invalid nonce"
    BAD_REQUEST = "EAPI:Bad request"
    INVALID_TOKEN = "EAPI:Invalid token"  # noqa: S105
    INVALID_SESSION = "ESession:Invalid session"

    RATE_LIMIT = "EAPI:Rate limit exceeded"
    ORDER_RATE_LIMIT = "EOrder:Rate limit exceeded"
    ORDERS_LIMIT = "EOrder:Orders limit exceeded"

    INVALID_ARGUMENTS = "EGeneral:Invalid arguments"
    UNKNOWN_METHOD = "EGeneral:Unknown method"
    INTERNAL_ERROR = "EGeneral:Internal error"

    CANCEL_ONLY = "EService:Market in cancel_only mode"
    POST_ONLY_MODE = "EService:Market in post_only mode"
    LIMIT_ONLY_MODE = "EService:Market in limit_only mode"
    BUSY = "EService:Busy"
    UNAVAILABLE = "EService:Unavailable"
    DEADLINE_ELAPSED = "EService:Deadline elapsed"

    UNKNOWN_PAIR = "EQuery:Unknown asset pair"
    UNKNOWN_ASSET = "EQuery:Unknown asset"

    INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
    ORDER_MINIMUM = "EOrder:Order minimum not met"
    COST_MINIMUM = "EOrder:Cost minimum not met"
    TICK_SIZE = "EOrder:Tick size check failed"
    INVALID_PRICE = "EOrder:Invalid price"
    INVALID_ORDER = "EOrder:Invalid order"
    UNKNOWN_ORDER = "EOrder:Unknown order"
    POST_ONLY = "EOrder:Post only order"
    NO_POSITION = "EOrder:Reduce only:No position exists"
    UNKNOWN_POSITION = "EOrder:Unknown position"
    NO_MARGIN = "EOrder:Cannot open position"
    INSUFFICIENT_MARGIN = "EOrder:Insufficient margin"
    POSITION_SIZE = "EOrder:Margin position size exceeded"

    UNKNOWN_FUNDING_ASSET = "EFunding:Unknown asset"
    NO_FUNDING_METHOD = "EFunding:No funding method"
    INVALID_AMOUNT = "EFunding:Invalid amount"
    MAX_FEE_EXCEEDED = "EFunding:Max fee exceeded"
    UNKNOWN_WITHDRAW_KEY = "EFunding:Unknown withdraw key"
    DUPLICATE_WITHDRAW_KEY = "EFunding:Duplicate withdraw key"
    UNKNOWN_REFERENCE = "EFunding:Unknown reference id"
    TOO_MANY_ADDRESSES = "EFunding:Too many addresses"
    TOO_MANY_DEPOSIT_ADDRESSES = "TooManyDepositAddresses"

    UNKNOWN_STRATEGY = "EGeneral:Invalid arguments:Invalid strategy ID"
    EARN_MINIMUM = "EEarnings:Below min:(De)allocation operation amount less than minimum"
    EARN_USER_LIMIT = "EEarnings:Above max:The allocation exceeds user limit for the strategy"
    EARN_STRATEGY_LIMIT = "EEarnings:Above max:The allocation exceeds the total strategy limit"
    EARN_FUNDS = "EEarnings:Insufficient funds:Insufficient funds to complete the (de)allocation request"
    EARN_TIER = "EEarnings:Permission denied:The user's tier is not high enough"
    EARN_BUSY = "EEarnings:Busy:Another (de)allocation for the same strategy is in progress"

    UNKNOWN_SYMBOL = "Currency pair not supported"
    BAD_SYMBOL = "Currency pair not in ISO 4217-A3 format"
    UNKNOWN_CHANNEL = "Subscription name invalid"
    DEPTH_NOT_INTEGER = "Subscription book depth must be an integer"
    DEPTH_UNSUPPORTED = "Subscription depth not supported"
    INTERVAL_NOT_INTEGER = "Subscription ohlc interval must be an integer"
    INTERVAL_UNSUPPORTED = "Subscription ohlc interval not supported"
    INTERVAL_MISSING = "Subscription ohlc requires interval"
    SYMBOL_NOT_FOUND = "Symbol(s) not found"
    ALREADY_SUBSCRIBED = "Already subscribed"
    MALFORMED = "Malformed request"
    MESSAGE_RATE = "Exceeded msg rate"
    UNKNOWN_EVENT = "Event(s) not found"
    UNSUPPORTED_FIELD = "Unsupported field"

    # Unified WebSocket
    PARAMETER = "'params."
    POSITIONS_TWICE = "Already subscribed to positions channel"
    MARGIN_TWICE = "Already subscribed to margin channel"
    WARMING_UP = "RFQ feed warming up, please retry"

    # Derivatives WebSocket v1
    INVALID_FEED = "Invalid feed"
    INVALID_PRODUCT = "Invalid product id"
    JSON_ERROR = "Json Error"
    RE_REQUESTING = "Already subscribed to feed, re-requesting"
    TOO_MANY_REQUESTS = "Rate limit exceeded"

    # Futures: the whole request
    AUTHENTICATION = "authenticationError"
    NONCE_BELOW = "nonceBelowThreshold"
    NONCE_TWICE = "nonceDuplicate"
    API_LIMIT = "apiLimitExceeded"
    ARGUMENT_MISSING = "requiredArgumentMissing"
    ARGUMENT_INVALID = "invalidArgument"
    JSON_PARSE = "Json Parse Error"
    NOT_FOUND = "notFound"
    CONTRACT_NOT_FOUND = "contractNotFound"
    INVALID_ACCOUNT = "invalidAccount"
    INVALID_UNIT = "invalidUnit"
    INVALID_TRANSFER = "invalidAmount"
    TRANSFER_FUNDS = "insufficientFunds"
    SERVER_ERROR = "Server Error"
    LEVERAGE_CAP = "rfqAssignmentMaxLeverageOutOfBounds"

    # Futures: a single order
    MARKET_SUSPENDED = "marketSuspended"
    MARKET_POST_ONLY = "marketIsPostOnly"
    BAD_PRICE = "invalidPrice"
    BAD_SIZE = "invalidSize"
    BAD_ORDER_TYPE = "invalidOrderType"
    BAD_SIDE = "invalidSide"
    NO_MARGIN_LEFT = "insufficientAvailableFunds"
    CLIENT_ID_IN_USE = "clientOrderIdAlreadyExist"
    CLIENT_ID_TOO_LONG = "clientOrderIdTooLong"
    POSITION_TOO_LARGE = "maxPositionViolation"
    OUTSIDE_COLLAR = "outsidePriceCollar"
    NOT_A_STOP = "orderForEditNotAStop"
    EDIT_NOT_FOUND = "orderForEditNotFound"
    POST_WOULD_EXECUTE = "postWouldExecute"
    IOC_WOULD_NOT_EXECUTE = "iocWouldNotExecute"
    SELF_FILL = "selfFill"
    WOULD_NOT_REDUCE = "wouldNotReducePosition"
    TOO_LATE = "wouldProcessAfterSpecifiedTime"


class Refusal(Exception):
    """A request that Kraken would refuse.

    Args:
        words: Kraken's words.
        detail: What follows the words after a colon, such as the name of the argument.
    """

    def __init__(self, words: Words, detail: str = "") -> None:
        super().__init__(f"{words}:{detail}" if detail else str(words))
        self.words = words
        self.detail = detail


class InvalidArgument(Refusal):
    """An argument is missing, unknown, of the wrong type or outside what is allowed.

    Args:
        name: The argument.
        value: What was given.
        unknown: Whether there is no such argument.
        missing: Whether it was not given, but has to be.
    """

    def __init__(self, name: str, value: object = None, *, unknown: bool = False, missing: bool = False) -> None:
        super().__init__(Words.INVALID_ARGUMENTS, name)
        self.name = name
        self.value = value
        self.unknown = unknown
        self.missing = missing


class RateLimited(Refusal):
    """A Futures request that the account has nothing left for.

    Args:
        wait: Seconds after which the same request will do.
    """

    def __init__(self, wait: int) -> None:
        super().__init__(Words.API_LIMIT)
        self.wait = wait


class Numbered(Refusal):
    """A Futures request that is refused by a number.

    Args:
        code: The number.
        message: What it means.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(Words.ARGUMENT_INVALID, message)
        self.code = code
        self.message = message
