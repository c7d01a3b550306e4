"""Is a frozen mapping read-only, ordered, hashable and picklable?"""

import pickle

import pytest

from bayesmeta.spec.frozen import FrozenMapping


def test_it_is_a_read_only_copy_that_keeps_order():
    source = {"tau": 1, "mu": 2}
    frozen = FrozenMapping(source)
    source["x"] = 3
    assert list(frozen.items()) == [("tau", 1), ("mu", 2)]
    assert frozen == {"tau": 1, "mu": 2}
    assert repr(frozen) == "{'tau': 1, 'mu': 2}"
    with pytest.raises(TypeError):
        frozen["mu"] = 3
    with pytest.raises(AttributeError):
        frozen.other = 3


def test_equal_mappings_have_equal_hashes_and_survive_pickling():
    frozen = FrozenMapping({"a": 1, "b": 2})
    assert hash(frozen) == hash(FrozenMapping({"b": 2, "a": 1}))
    assert pickle.loads(pickle.dumps(frozen)) == frozen
