"""How the modules beside this one say what they bind.

Each has `FIELDS`: object type -> field -> resolver, called as `resolve(source, info, **arguments)`.
A field that is an attribute of its source (`posted` of `posted_ms`) needs none. A resolver is plain
wherever nothing is read, so that a page of a hundred values makes no coroutine.
"""

from collections.abc import Callable
from typing import Any

Info = Any  # shared.graphql.execution.Info; its context is the RequestContext
Resolver = Callable[..., Any]
Fields = dict[str, dict[str, Resolver]]
