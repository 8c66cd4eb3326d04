"""Changes of template.yaml, for tests that break it on purpose."""

from typing import Any

Template = dict[str, Any]


def change(template: Template, resource: str, path: str, value: object) -> None:
    """Set one value of a resource; None removes it, a pair replaces a part of its text."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    parent: Any = template["Resources"][resource]
    for step in steps:
        parent = parent[step]
    if value is None:
        del parent[last]
    elif isinstance(value, tuple):
        assert value[0] in parent[last]
        parent[last] = parent[last].replace(*value)
    else:
        parent[last] = value
