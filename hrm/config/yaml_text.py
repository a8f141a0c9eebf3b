"""YAML 1.2, of plain values only: ``1e-3`` and ``010`` are numbers, ``on`` and ``1:30`` are text.

A key given twice is a mistake, and there are no aliases.
"""

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import Resolver

_FLOAT = "tag:yaml.org,2002:float"


class _Composer(Composer):
    def __init__(self, loader: Any = None):
        super().__init__(loader)
        self.warn_double_anchors = False

    def compose_node(self, parent: Any, index: Any) -> Any:
        # Aliases let a few bytes expand to gigabytes, and no config needs one.
        if self.parser.check_event(AliasEvent):
            mark = self.parser.peek_event().start_mark
            raise MarkedYAMLError(problem="aliases are not used here", problem_mark=mark)
        return super().compose_node(parent, index)


class _Constructor(SafeConstructor):
    def flatten_mapping(self, node: Any) -> None:
        """Nothing: merge keys (``<<``) are refused, being of use with aliases only."""

    def check_mapping_key(
        self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any
    ) -> bool:
        """Refuse a repeated key, in fewer words than the library's, and a list as a key."""
        problem = f"key {key!r} twice" if key in mapping else "a list cannot be a key"
        if key in mapping or isinstance(key, tuple):
            raise MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        return True

    def construct_number(self, node: Any) -> int | float:
        """``1e4`` is an int, because it is given where an int is wanted."""
        number = self.construct_yaml_float(node)
        whole = number.is_integer() and "e" in node.value.lower()
        return int(number) if whole else number


class _Resolver(Resolver):
    """The rules of YAML 1.2, whatever version a document says that it is of."""

    def __init__(self, version: Any = None, loader: Any = None):
        super().__init__(loader)
        self._loader_version = version  # which `YAML` asks for

    @property
    def processing_version(self) -> Any:
        return 1, 2


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> Any:
        """With this line break between other quotes, the library would write spaces too."""
        style = '"' if "\x85" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Representer.add_representer(str, _Representer.represent_text)
_Constructor.add_constructor(_FLOAT, _Constructor.construct_number)
# The library's own numbers lack those that begin with a point and have an exponent.
_Resolver.add_implicit_resolver_base(
    _FLOAT, re.compile(r"^[-+]?\.[0-9]+[eE][-+]?[0-9]+$"), list("-+.")
)


def to_yaml(value: Any) -> str:
    """The text that `parse_yaml` reads back to an equal value."""
    text = StringIO()
    _yaml().dump(value, text)
    return text.getvalue()


def parse_yaml(text: str, source: str) -> Any:
    """The value of one YAML document.

    Args:
        text: YAML.
        source: what an error message calls it.

    Raises:
        ValueError: naming the source, the line and the problem.
    """
    try:
        return _yaml().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise ValueError(f"{source}:{place} {error.problem or 'not YAML'}") from None
    except (
        YAMLError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{source}: not YAML: {reason}") from None


def _yaml() -> YAML:
    """A reader and writer of plain values; each keeps state, so there is one for each text."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = _Composer, _Constructor
    yaml.Resolver, yaml.Representer = _Resolver, _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # pyright: ignore[reportAttributeAccessIssue]
    return yaml
