# SPDX-License-Identifier: Apache-2.0
"""Generators of configurations, rules and names for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.shmem import config as c
from harness.shmem.profile import FIELDS, PROFILES, Profile

NASTY = "ab*?[]!^-\\\"'#@,:=/. \t\né€"
"""Characters that mean something to some layer: quoting, comments, patterns, fields, bytes beyond ASCII."""


def texts(*, min_size: int = 0, max_size: int = 12, without: str = "") -> st.SearchStrategy[str]:
    """Short texts of nasty and of ordinary characters, never with a control character other than a tab or a line end.

    Without a dollar sign: behind one stands a variable.
    """
    without += "$"
    ordinary = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=without)
    nasty = st.sampled_from([char for char in NASTY if char not in without])
    return st.text(st.one_of(nasty, ordinary), min_size=min_size, max_size=max_size)


def _options() -> st.SearchStrategy[c.ShmemOption]:
    sizes = st.integers(0, (1 << 64) - 1)
    modes = st.none() | st.integers(0, 0o7777)
    locations = st.builds(lambda address: c.Option("loc", hex(address)), st.integers(0, (1 << 64) - 1))
    return st.one_of(
        st.builds(c.Rule, st.sampled_from(["allow", "deny"]), texts()),
        st.builds(c.Subst, texts(without=","), texts()),
        st.builds(c.Create, texts(without=","), sizes, modes, st.none() | texts(without=",")),
        st.builds(c.Umask, st.integers(0, 0o777)),
        st.builds(c.Gid, texts()),
        st.just(c.Option("loc")),
        locations,
        st.builds(
            lambda pic, line: c.Option("intr", f"{pic}:{line}"), texts(min_size=1, without=":,"), st.integers(0, 99)
        ),
        st.builds(lambda name: c.Option("name", name), texts()),
        st.builds(lambda filters, to: c.Option("log", filters, extra=(to,)), texts(), texts()),
    )


def shmem_vdevs() -> st.SearchStrategy[c.ShmemVdev]:
    """Shmem vdevs with any options in any order."""
    return st.builds(c.ShmemVdev, st.lists(_options(), max_size=6).map(tuple))


def unknown_options() -> st.SearchStrategy[c.Option]:
    """Options that the harness does not know, also with words that are options elsewhere."""
    words = texts() | st.sampled_from(["allow", "loc", "vdev", "load", "@file", "ram"])
    return st.builds(
        lambda name, rest: c.Option(name, rest[0] if rest else None, extra=tuple(rest[1:]), understood=False),
        st.sampled_from(["alone", "turbo", "strange word", "allow it"]),
        st.lists(words, max_size=3),
    )


def unknown_contexts() -> st.SearchStrategy[c.Context]:
    """Contexts of a kind that the harness does not know."""
    return st.builds(
        lambda options, arguments: c.Context("unheard", tuple(options), arguments=tuple(arguments), understood=False),
        st.lists(unknown_options(), min_size=1, max_size=2),
        st.lists(texts(), max_size=2),
    )


def configurations() -> st.SearchStrategy[c.VmConfig]:
    """Configurations with every kind of entry."""
    addresses = st.none() | st.integers(0, (1 << 64) - 1)
    lengths = st.integers(0, (1 << 64) - 1)
    files = texts(min_size=1, without=",")
    option = st.builds(c.Option, st.sampled_from(["sched", "runmask"]), texts())
    rams = st.lists(st.builds(c.Ram, addresses, lengths), max_size=3).map(tuple)
    kinds = st.sampled_from(["", "guest", "initrd", "data", "fdt", "acpi"])
    vdevs = st.one_of(
        shmem_vdevs().map(lambda view: view.vdev()),
        st.builds(
            c.Vdev,
            st.just("pl011"),
            st.lists(st.builds(c.Option, st.just("hostdev"), texts()) | unknown_options(), max_size=3).map(tuple),
        ),
        st.builds(c.Vdev, st.just("unheard-of"), st.lists(unknown_options(), max_size=3).map(tuple)),
    )
    return rams.flatmap(
        lambda items: st.builds(
            c.VmConfig,
            system=st.none() | texts(),
            rams=st.just(items),
            cpus=st.lists(st.builds(c.Cpu, st.lists(option, max_size=2).map(tuple)), max_size=3).map(tuple),
            loads=st.lists(st.builds(c.Load, kinds, addresses, files), max_size=3).map(tuple),
            cmdline=st.none() | texts(max_size=40),
            vdevs=st.lists(vdevs, max_size=4).map(tuple),
            others=st.lists(
                st.builds(lambda a, b: c.Option("set", a, extra=(b,)), texts(), texts())
                | st.builds(lambda a: c.Option("dump", a), texts())
                | st.just(c.Option("debug"))
                | unknown_options(),
                max_size=3,
            ).map(tuple),
            contexts=st.lists(
                st.builds(lambda a: c.Context("pass", (c.Option("loc", a),)), texts(min_size=1)) | unknown_contexts(),
                max_size=2,
            ).map(tuple),
            roms=st.lists(st.builds(c.Rom, addresses, lengths, st.integers(0, len(items))), max_size=2).map(
                lambda roms: tuple(sorted(roms, key=lambda rom: rom.rams_before))
            ),
        )
    )


def profiles(*fields: str) -> st.SearchStrategy[Profile]:
    """Profiles that differ from a preset in the given fields."""
    overrides = st.fixed_dictionaries({name: st.sampled_from(FIELDS[name].readings) for name in fields})
    return st.builds(Profile.load, st.sampled_from(sorted(PROFILES)), overrides)
