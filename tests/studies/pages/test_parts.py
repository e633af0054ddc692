import base64
import gzip
import json
import re
import subprocess
import sys

from prepose.studies.pages.parts import as_script, render


def test_what_is_given_is_text_and_scripts_are_whole():
    page = render("base.html.j2", "study.js", {"title": "A <title>"}, {"word": "</script>"})
    assert "<title>A &lt;title&gt;</title>" in page
    assert json.loads(re.search(r'type="application/json">(.*?)</script>', page).group(1)) == {"word": "</script>"}
    packed = re.search(r'id="plotly" type="text/plain">(.*?)</script>', page, re.DOTALL).group(1)
    assert b"plotly.js v" in gzip.decompress(base64.b64decode(packed))[:200]
    code = page.rpartition("<script>")[2]
    assert "async function loadPlotly" in code and "function drawCurves" in code


def test_json_cannot_end_the_script_element():
    assert "</" not in as_script({"a": "</script><b>"})
    assert json.loads(as_script({"a": "</script>"})) == {"a": "</script>"}


def test_a_page_needs_no_torch():
    code = "import sys, prepose.studies.pages.parts, prepose.studies.quickstart.report; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
