"""A Kraken on localhost: REST and WebSocket from the same specs as the client, a market, and faults on demand.

>>> from kraken.emulator import Emulator
>>> with Emulator() as emulator:
...     print(emulator.spot_url, emulator.key)
"""

from kraken.emulator.control import Emulator, Recorded, Subaccount, Subscribed
from kraken.emulator.faults import Faults

__all__ = ["Emulator", "Faults", "Recorded", "Subaccount", "Subscribed"]
