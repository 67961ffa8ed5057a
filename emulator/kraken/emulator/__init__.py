"""A Kraken on localhost: REST and WebSocket from the same specs as the client, a market, and faults on demand.

>>> from kraken.emulator import Emulator
>>> with Emulator() as emulator:
...     print(emulator.spot_url, emulator.key)
"""

from kraken.emulator.control import Emulator
from kraken.emulator.faults import Faults
from kraken.emulator.views import BookOrder, Depth, Orders, Recorded, Subaccount, Subscribed

__all__ = ["BookOrder", "Depth", "Emulator", "Faults", "Orders", "Recorded", "Subaccount", "Subscribed"]
