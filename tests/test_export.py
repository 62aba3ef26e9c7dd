"""Names in CSV files stay text in a spreadsheet."""

import csv
import io

import numpy as np
import pytest

from hrpro.detection import export
from hrpro.detection.segments import Segments


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("\t=1", "'\t=1"),
        ("a=b", "a=b"),
        ("v_-x", "v_-x"),
        ("", ""),
    ],
)
def test_no_name_is_a_formula(name, cell):
    found = Segments(times=np.array([[-1.5, 2.0]]), labels=np.array([0]), scores=np.array([0.5]))
    file = io.StringIO()
    export.write_csv(file, {name: found}, [name])
    _, row = csv.reader(file.getvalue().splitlines())
    assert row == [cell, "-1.5", "2.0", cell, "0.5"]
