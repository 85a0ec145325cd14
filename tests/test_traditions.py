"""The words about traditions are there, in both languages, for every bundled style, and do none of them wrong."""

import pytest

from hfstyle.assets import bank_styles, bundled_styles
from hfstyle.cli import main
from hfstyle.errors import OptionError
from hfstyle.evaluation.culture import bundled_profiles
from hfstyle.traditions import tradition, traditions


def test_every_bundled_style_and_profile_has_its_words():
    assert set(traditions()) == set(bank_styles()) == set(bundled_profiles()) - {"photos"}
    assert {name.removeprefix("bank:") for name in bundled_styles()} <= set(traditions())


@pytest.mark.parametrize("name", traditions())
def test_a_paragraph_in_two_languages(name):
    found = tradition(name)
    for words in (found.titles, found.periods, found.paragraphs):
        assert set(words) == {"en", "zh"} and all(words.values())
        assert any("\u4e00" <= character <= "\u9fff" for character in words["zh"]), "not Chinese"
    assert 70 <= len(found.paragraphs["en"].split()) <= 130
    assert "\n" not in found.paragraphs["en"] + found.paragraphs["zh"]
    assert found.avoid
    for word in found.avoid:
        assert word.lower() not in found.paragraphs["en"].lower()


def test_an_unknown_tradition_is_named():
    with pytest.raises(OptionError, match="no tradition 'cubism'; there are monet, "):
        tradition("cubism")


def test_the_command_tells_of_a_tradition(capsys):
    for language in ("en", "zh"):
        assert main(["profile", "shanshui", "--language", language]) == 0
        told = capsys.readouterr().out
        found = tradition("shanshui")
        assert told.startswith(f"{found.titles[language]}\n{found.periods[language]}\n")
        assert found.paragraphs[language].replace(" ", "") in told.replace("\n", "").replace(" ", "")
