"""`record`: frozen value classes, made without generated code."""

import dataclasses
import pickle

import pytest

from orchharness.record import field, record


@record
class Point:
    x: int
    y: int = 0
    tags: dict[str, int] = field(default_factory=dict)


@record(kw_only=False, order=True)
class Place:
    line: int
    column: int = 1
    note: str = field(default="", compare=False)


@record(frozen=False)
class Counter:
    count: int = 0


def test_values_are_compared_and_hashed_by_their_fields():
    assert Place(1, 2) == Place(1, 2, "other")
    assert hash(Place(1, 2)) == hash(Place(1, 2, "other"))
    assert Point(x=1) != Place(1)


def test_values_are_sorted_by_their_fields():
    assert sorted([Place(2), Place(1, 3), Place(1, 2)]) == [Place(1, 2), Place(1, 3), Place(2)]


def test_a_frozen_value_cannot_be_changed():
    point = Point(x=1)

    with pytest.raises(dataclasses.FrozenInstanceError, match="Point is immutable: 'x' cannot be changed"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x


def test_a_mutable_record_is_equal_only_to_itself():
    counter = Counter()
    counter.count += 1

    assert counter.count == 1
    assert counter != Counter(count=1)


def test_defaults_made_by_a_factory_are_not_shared():
    one, other = Point(x=1), Point(x=1)
    one.tags["a"] = 1

    assert other.tags == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Point(), "Point needs 'x'"),
        (lambda: Point(x=1, z=2), "Point has no 'z'"),
        (lambda: Point(1), "Point takes 0 values by place, 1 were given"),
        (lambda: Place(1, 2, "", 3), "Place takes 3 values by place, 4 were given"),
        (lambda: Place(1, line=2), "Place: 'line' was given twice"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_the_tools_of_dataclasses_work():
    point = Point(x=1, tags={"a": 1})

    assert [f.name for f in dataclasses.fields(point)] == ["x", "y", "tags"]
    assert dataclasses.replace(point, y=5) == Point(x=1, y=5, tags={"a": 1})
    assert dataclasses.asdict(point) == {"x": 1, "y": 0, "tags": {"a": 1}}
    assert repr(point) == "Point(x=1, y=0, tags={'a': 1})"


def test_values_survive_pickling():
    assert pickle.loads(pickle.dumps(Place(1, 2, "n"))) == Place(1, 2)


def test_values_have_no_dictionary():
    assert not hasattr(Point(x=1), "__dict__")
