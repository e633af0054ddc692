import pytest

from prepose.pickles.names import NAMES, Named, Refusal, named, printable


def test_only_names_of_the_table_are_known():
    assert named("numpy", "dtype") is NAMES["numpy", "dtype"]
    for module, name in (("os", "system"), ("numpy", "load"), ("builtins", "eval"), (["numpy"], "dtype"), (1, None)):
        with pytest.raises(Refusal, match="which no file of plain data needs"):
            named(module, name)


def test_nothing_in_the_table_is_more_than_a_name():
    assert all(type(thing) is Named and not callable(thing) for thing in NAMES.values())
    assert {module.split(".")[0] for module, _ in NAMES} == {
        "numpy", "_codecs", "collections", "copy_reg", "copyreg", "joblib", "sklearn", "builtins", "__builtin__",
        "scipy", "torch",
    }  # fmt: skip
    assert {name for module, name in NAMES if module in ("builtins", "__builtin__")} == {
        "bytes", "bytearray", "complex", "set", "frozenset", "object",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["plain", "a\nb", "\x1b[31mred", "é\u202e", "x" * 500, "'\"\\"])
def test_a_strangers_text_is_one_short_printable_line(text):
    shown = printable(text)
    assert shown.isprintable()
    assert shown.isascii()
    assert len(shown) <= 80
