"""Sessions' names inside: those of a tenant begin with it, so that two tenants' sessions of one name are two.

Whatever takes names from clients or shows them to clients goes through here; all else takes a name as it is.
"""

from __future__ import annotations

_END = "\x1f"  # of the tenant; no client can send it in a name, as it is a control character
_LAST = "\U0010ffff" * 256  # comes after every name that a client can send: those are shorter


def inside(tenant: str, name: str) -> str:
    """The session's name as engine and journal know it; of the tenant "", the name itself.

    A name that holds the mark all the same leads to no session: none is made under the tenant "" with a mark.
    """
    return f"{tenant}{_END}{name}" if tenant or _END in name else name


def all_inside(tenant: str, names: list[str]) -> list[str]:
    """As `inside`, of many; the very same list where nothing is to be changed."""
    if not tenant and _END not in "".join(names):
        return names
    return [inside(tenant, name) for name in names]


def beyond(tenant: str, names: list[str]) -> tuple[list[str], str | None]:
    """Of names in order those of this tenant, up to the first of another; and after which name to go on then.

    Only among the names of the tenant "" are there others, since they have no beginning in common.
    """
    for at, name in enumerate(names):
        if not tenant and _END in name:
            return names[:at], f"{name.partition(_END)[0]}{_END}{_LAST}"
    return names, None


def tenant_of(name: str) -> str:
    """Whose session it is, from its name inside."""
    return name.partition(_END)[0] if _END in name else ""


def reach_of(tenant: str) -> tuple[str, str]:
    """What the names inside of a tenant's sessions begin with, and what they do not hold; "" is nothing."""
    return (f"{tenant}{_END}", "") if tenant else ("", _END)


def outside(name: str) -> str:
    """The name as its client knows it."""
    return name.partition(_END)[2] if _END in name else name


def quoted(name: str) -> str:
    """The name for operators, as its client knows it, and whose it is."""
    return f"{outside(name)!r} of the tenant {tenant_of(name)!r}" if _END in name else repr(name)
