"""Models from schemas, through datamodel-code-generator; named tuples from rows, by our own template."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from datamodel_code_generator import InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType, StrictTypes
from datamodel_code_generator.parser import LiteralType

from .docstrings import wrap
from .ir import Json, ModelModule

TEMPLATES = Path(__file__).parent / "templates" / "models"


class Code(NamedTuple):
    """Source text in two parts, so that several can be joined into one module."""

    imports: tuple[str, ...]
    body: str


def response_models(module: ModelModule) -> Code:
    """Tolerant pydantic models: unknown fields are kept."""
    return _generate(module, module.responses, DataModelType.PydanticV2BaseModel, "kraken.runtime.models.ResponseModel")


def request_models(module: ModelModule) -> Code:
    """Strict pydantic models: unknown fields and wrong types are refused."""
    strict = [StrictTypes.str, StrictTypes.int, StrictTypes.bool]
    return _generate(
        module,
        module.requests,
        DataModelType.PydanticV2BaseModel,
        "kraken.runtime.models.RequestModel",
        strict_types=strict,
        field_constraints=True,
    )


def message_structs(module: ModelModule) -> Code:
    """msgspec structs for what streams in."""
    return _generate(module, module.responses, DataModelType.MsgspecStruct, "kraken.runtime.structs.Struct")


def _generate(
    module: ModelModule, schemas: dict[str, Json], kind: DataModelType, base_class: str, **options: Any
) -> Code:
    if not schemas:
        return Code((), "")
    document = {
        "openapi": "3.1.0",
        "info": {"title": module.module, "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }
    data = {name: extra for name, extra in module.template_data.items() if name in schemas}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "models.py"
        generate(
            _with_wrapped_texts(document),
            input_file_type=InputFileType.OpenAPI,
            output=output,
            output_model_type=kind,
            base_class=base_class,
            aliases=module.aliases,
            custom_template_dir=TEMPLATES,
            extra_template_data=data,  # type: ignore[arg-type]
            enum_field_as_literal=LiteralType.All,
            use_annotated=True,
            use_field_description=True,
            use_schema_description=True,
            use_single_line_docstring=True,
            use_standard_collections=True,
            use_union_operator=True,
            use_type_alias=True,
            keep_model_order=True,
            disable_timestamp=True,
            formatters=[],
            target_python_version=PythonVersion.PY_311,
            **options,
        )
        return split_imports(output.read_text(encoding="utf-8"), drop=(".".join(("kraken", "*", module.module)),))


def _with_wrapped_texts(value: Any) -> Any:
    """A copy in which every description is broken into lines that fit below a class or a field."""
    if isinstance(value, dict):
        return {
            key: wrap(item, 4) if key == "description" and isinstance(item, str) else _with_wrapped_texts(item)
            for key, item in value.items()
        }
    return [_with_wrapped_texts(item) for item in value] if isinstance(value, list) else value


def split_imports(source: str, drop: Iterable[str] = ()) -> Code:
    """Take a module's import statements from its other code; those of `drop` (patterns with one `*`) are left out."""
    tree = ast.parse(source)
    lines = source.splitlines()
    imports: list[str] = []
    used: set[int] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            used |= set(range(node.lineno - 1, node.end_lineno or node.lineno))
            name = getattr(node, "module", None) or ""
            if name != "__future__" and not any(_matches(name, pattern) for pattern in drop):
                imports.append("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    body = "\n".join(line for index, line in enumerate(lines) if index not in used and not line.startswith("# "))
    return Code(tuple(imports), body.strip("\n"))


def _matches(name: str, pattern: str) -> bool:
    before, _, after = pattern.partition("*")
    return name.startswith(before) and name.endswith(after)
