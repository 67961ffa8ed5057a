"""From a few lines of YAML to a call over a transport: what the generated client sends and what it gives back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kraken.codegen.build import build

from .support import GOLDEN, call_both, python, write_specs

PRICE = """
GET /0/public/Price:
  parameters:
    - {name: pair, in: query, required: true, schema: {type: string}, description: The pair.}
    - {name: at, in: query, schema: {type: integer}, description: When.}
  result: {$ref: '#/components/schemas/Price'}
"""
PRICE_SCHEMA = """
Price:
  type: object
  description: A price.
  required: [price]
  properties:
    price: {type: string, format: decimal, description: The price.}
    share: {type: number, format: decimal, description: A share.}
    mood: {type: string, enum: [calm], x-kraken-enum: open, description: A mood.}
"""


@pytest.fixture(scope="module")
def price_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("price")
    build(write_specs(folder / "specs", PRICE, PRICE_SCHEMA), folder / "generated")
    return folder / "generated"


def test_call_and_typed_result(price_client: Path) -> None:
    result, sent = call_both(
        price_client,
        "market_data.get_price(pair='A/B', at=5)",
        '{"error":[],"result":{"price":"1.500","share":12345678901234567.120,"mood":"wild","new":1}}',
        "repr([result.price, result.share, result.mood, result.new])",
    )
    assert result == "[Decimal('1.500'), Decimal('12345678901234567.120'), 'wild', 1]"
    assert sent == [["GET", "/0/public/Price?pair=A%2FB&at=5", ""]]


def test_an_error_of_the_table(price_client: Path) -> None:
    result, sent = call_both(
        price_client,
        "market_data.get_price(pair='A')",
        '{"error":["EService:Busy"]}',
        "result",
    )
    assert result.startswith("BusyError: ")
    assert "EService:Busy" in result
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "TypeError: MarketData.get_price() missing 1 required keyword-only argument: 'pair'"),
        ("pair='A', colour='red'", "TypeError: MarketData.get_price() got an unexpected keyword argument 'colour'"),
        ("pair=5", "pair: 5: "),
        ("pair='A', at='now'", "at: 'now': "),
    ],
)
def test_wrong_arguments_are_refused_before_sending(price_client: Path, arguments: str, message: str) -> None:
    result, sent = call_both(price_client, f"market_data.get_price({arguments})", "{}", "result")
    assert message in result
    assert sent == []


def test_names_that_python_or_pydantic_reserve(tmp_path: Path) -> None:
    """The signature has Kraken's names, whatever the models call them."""
    short = """
    POST /0/private/Odd:
      x-kraken-auth: required
      body: {$ref: '#/components/schemas/OddArguments'}
    """
    schemas = """
    OddArguments:
      type: object
      description: Odd names.
      properties:
        from: {type: string, description: A keyword.}
        'close[price]': {type: string, format: decimal, x-kraken-name: close_price, description: No name.}
        validate: {type: boolean, description: A method of models.}
        copy: {type: array, items: {type: string}, description: Another one.}
        json: {type: integer, description: A third one.}
        model_config: {type: string, description: An attribute of models.}
    """
    build(write_specs(tmp_path / "specs", short, schemas), tmp_path / "generated")
    result, sent = call_both(
        tmp_path / "generated",
        "market_data.get_odd(from_='a', close_price='1.0', validate=True, copy='b,c', json=5, model_config='d')",
        '{"error":[],"result":{"x":1}}',
    )
    assert result == "{'x': 1}"
    body = "nonce=1&from=a&close%5Bprice%5D=1.0&validate=true&copy=b%2Cc&json=5&model_config=d"
    assert sent == [["POST", "/0/private/Odd", body]]


def test_rows_beside_last(tmp_path: Path) -> None:
    short = "{GET /0/public/Rows: {result: {$ref: '#/components/schemas/Rows'}}}"
    schemas = """
    Rows:
      type: object
      description: Rows.
      x-kraken-rows: entries
      properties: {last: {type: integer, description: Where to continue.}}
      additionalProperties: {type: array, items: {$ref: '#/components/schemas/Row'}}
    Row:
      type: array
      description: A row.
      x-kraken-row: [time, price, count]
      minItems: 2
      prefixItems:
        - {type: integer, description: Time.}
        - {type: number, format: decimal, description: Price.}
        - {type: integer, description: Count.}
    """
    build(write_specs(tmp_path / "specs", short, schemas), tmp_path / "generated")
    result, _ = call_both(
        tmp_path / "generated",
        "market_data.get_rows()",
        '{"error":[],"result":{"XBT":[[1,2.50,3],[1,2.50],[1,2.50,3,"new"]],"last":7}}',
        "repr([result.last, result['XBT'], [row.count for row in result.entries['XBT']]])",
    )
    rows = (
        "Row(time=1, price=Decimal('2.50'), count=3), Row(time=1, price=Decimal('2.50')), "
        "Row(time=1, price=Decimal('2.50'), count=3, 'new')"
    )
    assert result == f"[7, [{rows}], [3, None, 3]]"


def test_a_product_without_websocket(price_client: Path) -> None:
    names = {path.name for path in price_client.rglob("*.py")}
    assert not names & {"websocket.py", "messages.py", "orderbook.py"}
    program = """
import kraken.spot
print(sorted(kraken.spot.__all__))
print(kraken.spot.decode_response("get_price", '{"error":[],"result":{"price":"1.0"}}'))
"""
    listed, decoded = python(program, price_client).splitlines()
    assert listed == "['SpotAsyncClient', 'SpotClient', 'decode_response']"
    assert decoded == "price=Decimal('1.0')"


def test_a_product_without_rest(tmp_path: Path) -> None:
    """One channel that is pushed unasked, nothing else."""
    streams = yaml.load((GOLDEN / "specs/spot/websocket/streams.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
    del streams["servers"]["private"], streams["channels"]["amend_order"], streams["operations"]["amendOrder"]
    for key in ("x-kraken-subscribe", "x-kraken-unsubscribe"):
        del streams["channels"]["ticker"][key]
    del streams["channels"]["ticker"]["messages"]["TickerSubscribed"]
    for name in ("attempts", "seconds"):
        streams["servers"]["public"]["x-kraken-connect-budget"][name] = 1
    file = tmp_path / "specs" / "streams.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(streams), encoding="utf-8")
    build(tmp_path / "specs", tmp_path / "generated")
    program = """
import kraken.spot
print(sorted(kraken.spot.__all__))
print(kraken.spot.decode_message('{"channel":"ticker","type":"update","data":[{"symbol":"A/B","last":1.50}]}').data)
kraken.spot.SpotWSClient(no_public=True).ticker
"""
    listed, decoded = python(program, tmp_path / "generated").splitlines()
    assert listed == "['SpotSyncWSClient', 'SpotWSClient', 'decode_message']"
    assert "last=Decimal('1.50')" in decoded
