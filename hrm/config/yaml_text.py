"""Safe YAML as people mean it: ``1e-3`` is a number, a key given twice is a mistake."""

import re
from typing import Any

import yaml

_EXPONENT = re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]{1,3}$")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with YAML 1.2 exponents and without repeated keys or aliases."""

    def compose_node(self, parent, index):
        # Aliases let a few bytes expand to gigabytes, and no config needs one.
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.MarkedYAMLError(
                problem="aliases are not used here", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"key {key!r} twice", problem_mark=mark)
        return super().construct_mapping(node, deep)

    def construct_exponent(self, node):
        number = float(self.construct_scalar(node))
        return int(number) if number.is_integer() else number


class _Dumper(yaml.SafeDumper):
    """Quotes every string that `_Loader` would take for a number; writes 1e-05 without a tag."""

    def represent_float(self, data):
        text = repr(data)
        if _EXPONENT.match(text):
            return self.represent_scalar("!exponent", text)
        return super().represent_float(data)


for _class in (_Loader, _Dumper):
    # Before PyYAML's own rules: its floats know some exponents and not others.
    _class.yaml_implicit_resolvers = _class.yaml_implicit_resolvers | {
        first: [("!exponent", _EXPONENT), *_class.yaml_implicit_resolvers.get(first, [])]
        for first in "-+.0123456789"
    }
_Loader.add_constructor("!exponent", _Loader.construct_exponent)
_Dumper.add_representer(float, _Dumper.represent_float)


def to_yaml(value: Any) -> str:
    """The text that `parse_yaml` reads back to an equal value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def parse_yaml(text: str, source: str) -> Any:
    """The value of one YAML document.

    Args:
        text: YAML.
        source: what an error message calls it.

    Raises:
        ValueError: naming the source, the line and the problem.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: it builds plain values only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise ValueError(f"{source}:{place} {error.problem or 'not YAML'}") from None
    except (
        yaml.YAMLError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{source}: not YAML: {reason}") from None
