"""Terminal cells."""

from cqrs_cli.cli.printing.widths import text_width


def test_what_is_counted_without_the_ruler_takes_one_cell():
    from rich.cells import cell_len

    ranges = ((0xA0, 0x2FF), (0x2010, 0x2027), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2500, 0x257F))
    narrow = "".join(chr(code) for first, last in ranges for code in range(first, last + 1))
    assert [letter for letter in narrow if cell_len(letter) != 1] == []
    assert all(text_width(narrow[at : at + 100]) == len(narrow[at : at + 100]) for at in range(0, len(narrow), 100))
    assert (text_width("日本"), text_width("e\u0301")) == (4, 1)
