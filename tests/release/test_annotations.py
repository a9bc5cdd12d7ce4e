"""``kots.io/exclude`` and ``kots.io/when`` are read the same way on every object, wherever it comes from."""

import pytest

from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release import chart_output
from kotsapp.release.chart_objects import with_charts
from kotsapp.release.charts import ChartArchive, ChartRequest
from kotsapp.release.reader import Release, SourceFile, read_release

REQUEST = ChartRequest(ChartArchive("demo", "1.0.0", "demo.tgz", b""), "rel", "", {}, Place("helmchart.yaml"))

# What Go's strconv.ParseBool takes, and YAML's own booleans.
TRUE, FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
SAID = [
    *(pytest.param(f'{{kots.io/exclude: "{value}"}}', False, id=f"exclude {value}") for value in TRUE),
    *(pytest.param(f'{{kots.io/exclude: "{value}"}}', True, id=f"exclude {value}") for value in FALSE),
    *(pytest.param(f'{{kots.io/when: "{value}"}}', True, id=f"when {value}") for value in TRUE),
    *(pytest.param(f'{{kots.io/when: "{value}"}}', False, id=f"when {value}") for value in FALSE),
    pytest.param("{kots.io/exclude: true}", False, id="a YAML boolean"),
    pytest.param("{kots.io/when: false}", False, id="a YAML boolean, when"),
    pytest.param('{kots.io/when: "\\n  false\\n"}', False, id="blank lines that a template left"),
    # KOTS looks at when only where exclude says nothing.
    pytest.param('{kots.io/exclude: "false", kots.io/when: "false"}', True, id="exclude comes first"),
    pytest.param('{kots.io/exclude: "true", kots.io/when: "true"}', False, id="exclude comes first, too"),
    pytest.param('{kots.io/exclude: "0", kots.io/when: "perhaps"}', True, id="when is not looked at"),
]


def document(annotations: str, hook: str = "") -> str:
    both = f"{annotations[:-1]}, helm.sh/hook: {hook}}}" if hook else annotations
    return f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: a\n  annotations: {both}\n"


def read(*texts: str) -> Release:
    return read_release([SourceFile(f"file {n}", f"{n}.yaml", text.encode()) for n, text in enumerate(texts)])


def from_chart(text: str) -> Release:
    return with_charts(Release(), [(REQUEST, text)])


@pytest.mark.parametrize(("annotations", "applied"), SAID)
def test_an_object_of_the_release(annotations: str, applied: bool) -> None:
    release = read(document(annotations))

    assert (len(release.objects), release.left_out) == ((1, ()) if applied else (0, ("Job/a",)))


@pytest.mark.parametrize("hook", ["", "pre-install", "post-install,post-upgrade"])
@pytest.mark.parametrize(("annotations", "applied"), SAID)
def test_an_object_of_a_chart(annotations: str, applied: bool, hook: str) -> None:
    release = from_chart(document(annotations, hook))

    assert (len(release.objects), release.left_out) == ((1, ()) if applied else (0, ("Job/a",)))


@pytest.mark.parametrize(("annotations", "applied"), SAID)
def test_a_hook_that_does_not_run_now_is_left_out_either_way(annotations: str, applied: bool) -> None:
    release = from_chart(document(annotations, "pre-upgrade"))

    assert (release.objects, release.left_out) == ((), ("Job/a (pre-upgrade)" if applied else "Job/a",))


@pytest.mark.parametrize("name", ["kots.io/exclude", "kots.io/when"])
@pytest.mark.parametrize("hook", ["", "pre-upgrade"])
def test_what_is_no_boolean_is_refused_in_a_chart_as_in_a_file(name: str, hook: str) -> None:
    with pytest.raises(ManifestError, match=rf"chart demo.*: the annotation {name} of Job/a is 'maybe'"):
        chart_output.rendered(REQUEST, document(f"{{{name}: maybe}}", hook))
    with pytest.raises(ManifestError, match=rf"file 0.*: the annotation {name} of Job/a is 'maybe'"):
        read(document(f"{{{name}: maybe}}"))


@pytest.mark.parametrize("annotations", ['{kots.io/exclude: "true"}', '{kots.io/when: "false"}', "{kots.io/when: no}"])
def test_kots_own_documents_are_not_excluded_by_annotation(annotations: str) -> None:
    """There it is ``spec.exclude`` of a HelmChart that counts."""
    application = (
        f"apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {{name: shop, annotations: {annotations}}}\n"
        "spec: {proxyRegistryDomain: images.vendor.example, additionalImages: [quay.io/my-org/extra:1]}\n"
    )
    chart = (
        f"apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {{name: shop, annotations: {annotations}}}\n"
        'spec: {exclude: "1", chart: {name: shop, chartVersion: 1.0.0}}\n'
    )
    release = read(application, chart)

    assert release.proxy_domain == "images.vendor.example"
    assert release.reported_images == {"quay.io/my-org/extra:1": ("Application/shop",)}
    assert release.left_out == ("HelmChart/shop",)
    with pytest.raises(ManifestError, match="charts in the release: none"):
        read(chart.replace('exclude: "1", ', ""))
