from __future__ import annotations

import subprocess
import sys

import pytest

from distillery.tools import compress as compress_tool
from distillery.tools import logz as logz_tool


@pytest.mark.parametrize("tool", [compress_tool, logz_tool])
def test_what_a_tool_names_it_has(tool):
    for name in tool.__all__:
        assert getattr(tool, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'compres': it has "):
        tool.compres  # noqa: B018


def test_the_names_are_the_functions_themselves():
    from distillery.tools.compress.run import compress
    from distillery.tools.logz.estimate import log_z

    assert compress_tool.compress is compress
    assert logz_tool.log_z is log_z


def test_naming_the_tools_brings_no_torch():
    code = "import sys, distillery.tools.compress, distillery.tools.logz"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
