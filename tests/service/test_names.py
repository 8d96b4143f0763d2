"""Names inside: another for every tenant and name, and back again as they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.names import all_inside, inside, outside

tenants = st.sampled_from(["", "acme", "a", "ac", "default"])
names = st.text(st.characters() | st.just("\x1f"), min_size=1, max_size=6)


@given(tenants, names)
def test_a_name_comes_out_as_it_went_in(tenant: str, name: str) -> None:
    assert outside(inside(tenant, name)) == name


@given(tenants, names, tenants, names)
def test_no_two_tenants_names_are_one(tenant: str, name: str, other: str, another: str) -> None:
    assert (inside(tenant, name) == inside(other, another)) == ((tenant, name) == (other, another))


@given(names)
def test_without_tenants_names_are_what_they_were(name: str) -> None:
    assert (inside("", name) == name) == ("\x1f" not in name)


@given(tenants, st.lists(names))
def test_many_names_are_as_each(tenant: str, many: list[str]) -> None:
    assert all_inside(tenant, many) == [inside(tenant, each) for each in many]


def test_a_frame_of_the_default_tenant_is_not_copied() -> None:
    many = ["a", "b"]
    assert all_inside("", many) is many
