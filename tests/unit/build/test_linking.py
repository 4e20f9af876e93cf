"""What goes into the link comes from the release's packages and the build, and nowhere else."""

from pathlib import Path

from scripts.bundle.executable.linking import strangers


def test_what_the_machine_itself_has_is_a_stranger(tmp_path: Path) -> None:
    root, objects = tmp_path / "a root", tmp_path / "objects"
    root.mkdir()
    (tmp_path / "link").symlink_to(root)
    taken = f"""{objects}/whole: \\
  {root}/usr/lib/crt1.o \\
  {tmp_path}/link/usr/lib/libc.a \\
  {objects}/main.o \\
  {root}/../machine/lib/libc.a \\
  /usr/lib/gcc/x86_64-linux-gnu/12/../../../x86_64-linux-gnu/libc.a

{root}/usr/lib/crt1.o:

/usr/lib/gcc/x86_64-linux-gnu/12/../../../x86_64-linux-gnu/libc.a:
"""
    assert strangers(taken, root, objects) == [
        f"{tmp_path}/machine/lib/libc.a",
        str(Path("/usr/lib/x86_64-linux-gnu/libc.a").resolve()),
    ]
