"""A Kraken on localhost: REST and WebSocket from the same specs as the client, a market, and faults on demand.

>>> from kraken.emulator import Emulator
>>> with Emulator() as emulator:
...     print(emulator.spot_url, emulator.key)
"""

from kraken.emulator.control import BookOrder, Depth, Emulator, Orders, Recorded, Subaccount, Subscribed
from kraken.emulator.faults import Faults

__all__ = ["BookOrder", "Depth", "Emulator", "Faults", "Orders", "Recorded", "Subaccount", "Subscribed"]
