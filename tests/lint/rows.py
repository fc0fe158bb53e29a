#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tables of tests/README.md: every row of faults (f) and of bad input (c) is there once, and has tests
that exist and bear its number, or says that it is not built."""
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
ROWS = {"f": 58, "c": 35}


def bears(name: str, letter: str, row: int) -> bool:
    numbers = [int(n) for n in re.findall(rf"(?:^|_){letter}(\d\d)(?=_|$)", name)]
    return row in numbers or ("_to_" in name and len(numbers) == 2 and numbers[0] <= row <= numbers[1])


def exists(path: str, name: str) -> bool:
    """As a test that is run: a Python function, a C function in a list of tests, a scenario."""
    if path == "sim":
        text = (TESTS / "sim" / "families.c").read_text()
        return name in " ".join(re.findall(r'"([^"]*)"', text)).split()
    file = TESTS / path
    if not file.is_file():
        return False
    text = file.read_text()
    if path.endswith(".py"):
        return bool(re.search(rf"^def {name}\(", text, re.M))
    return bool(re.search(rf"^static void {name}\(void \*\*", text, re.M)
                and re.search(rf"\b{name}\b", text[text.index("\nint main("):]))


def wrong_row(letter: str, row: int, tests: str) -> list[str]:
    if tests.startswith("not built"):
        return []
    named = re.findall(r"`([^`]+)::([^`]+)`", tests)
    if not named:
        return ["has no test"]
    return ([f"{path}::{name} is no test" for path, name in named if not exists(path, name)] +
            [f"{name} does not bear its number" for _, name in named if not bears(name, letter, row)])


def main() -> int:
    wrong, letter, seen = [], None, {"f": [], "c": []}
    for line in (TESTS / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) != 3:
            letter = None
        elif cells[0] in ROWS and cells[2] == "tests":
            letter = cells[0]
        elif letter and cells[0].isdigit():
            row = int(cells[0])
            seen[letter].append(row)
            wrong += [f"{letter}{row:02}: {what}" for what in wrong_row(letter, row, cells[2])]
    for letter, most in ROWS.items():
        if seen[letter] != list(range(1, most + 1)):
            wrong.append(f"rows {letter}: not each of 1 to {most} once and in order")
    print("\n".join(wrong) or "rows: each has its tests")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
