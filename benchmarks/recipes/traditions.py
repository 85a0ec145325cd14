"""What is said of traditions, as Markdown for a card: `python benchmarks/recipes/traditions.py monet vangogh ...`."""

import sys

from hfstyle.traditions import tradition

for told in map(tradition, sys.argv[1:]):
    print(f"\n### {told.titles['en']}\n\n*{told.periods['en']}.*\n\n{told.paragraphs['en']}")
