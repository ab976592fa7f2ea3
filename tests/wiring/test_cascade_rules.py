"""The cascade's rules as the settings give them."""

import pytest

from sluicegate.core.cascade import CascadeRules, Group
from sluicegate.core.errors import InvalidInput
from sluicegate.settings import Settings
from sluicegate.wiring.cascade_rules import cascade_rules


def test_the_settings_defaults_are_the_rules_defaults(tmp_path):
    assert cascade_rules(Settings(data_dir=tmp_path)) == CascadeRules()


def test_an_order_is_read_with_its_spaces_and_leaves_groups_out(tmp_path):
    rules = cascade_rules(Settings(data_dir=tmp_path, cascade_order=" Pool, cached ,"))
    assert rules.order == (Group.POOL, Group.CACHED)


@pytest.mark.parametrize("order", ["cached,cached", "cached,everybody"])
def test_an_order_that_makes_no_sense_is_refused_with_what_there_is(tmp_path, order):
    with pytest.raises(InvalidInput, match="cached, torrin, pool, own, engines"):
        cascade_rules(Settings(data_dir=tmp_path, cascade_order=order))
