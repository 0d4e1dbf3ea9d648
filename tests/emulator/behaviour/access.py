# SPDX-License-Identifier: Apache-2.0
"""Requests under restrictions lists, substitutions and ``create`` options."""

from __future__ import annotations

import os

from harness.shmem.config import ConfigError
from tests.emulator.behaviour.watching import Scenario, factory_page, known, shown
from tests.emulator.devices import Bench

LISTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("talk",)),
    ("deny secret", ("secret", "secret2", "mysecret", "SECRET", "talk")),
    ("allow talk", ("talk", "talkative", "my-talk", "TALK", "other")),
    ("allow talk*", ("talk", "talkative", "TALKS", "other")),
    ("deny talk-x allow talk*", ("talk", "talk-x", "talk-y", "other")),
    ("allow talk-x deny talk*", ("talk-x", "talk-y", "other")),
    ("allow * deny talk*", ("talk", "other")),
    ("allow talk* deny talk-longer", ("talk-longer",)),
    ("deny a deny b deny c deny d deny e deny f", ("a", "b", "e", "f", "g")),
    ("allow longname1", ("longname2",)),
    ("allow t?lk", ("tlk", "tulk", "tuulk")),
    ("allow [ab]x", ("[ab]x", "ax", "cx")),
    ("allow a.c", ("abc", "a.c")),
    ("allow pattern-of-many-characters", ("pattern-of-many-", "pattern-of-many-characters")),
    ("allow *ab", ("aab", "ab")),
    ("allow *[ab]", ("xa", "x[a")),
)


SUBSTITUTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("subst talk,guest", ("talk", "talktalk", "mytalk", "other")),
    ("subst ,pre_", ("talk",)),
    ("subst talk,host allow talk", ("talk",)),
    ("subst talk,vm1_", ("talk",)),
    ("subst abcdefghij,xy", ("abcdefghij-and-twenty-more-3130",)),
)


async def answers_under_lists(host: Bench) -> object:
    answers = []
    for number, (options, names) in enumerate(LISTS):
        driver = host.device(options, f"vm{number}")
        answers.append([driver.request(name) for name in names])
        host.end(f"vm{number}")
    return answers


async def names_on_the_host(host: Bench) -> object:
    seen = []
    for number, (options, names) in enumerate(SUBSTITUTIONS):
        driver = host.device(options, f"vm{number}")
        seen.append(([driver.request(name) for name in names], host.regions()))
        host.end(f"vm{number}")
    return seen


async def what_a_refusal_leaves(host: Bench) -> object:
    peer, driver = host.device(system="peer"), host.device("deny secret")
    peer.request("secret")
    peer.set_data(b"peer")
    answers: list[object] = [driver.request("secret"), driver.request("secret"), driver.request("secret")]
    peer.detach()
    answers += [driver.request("secret"), host.regions(), host.device("allow talk", "two").request("talk")]
    return answers, shown(driver)


async def rules_of_two_devices(host: Bench) -> object:
    first, second = host.device("allow talk"), host.device("deny talk")
    return [driver.request(name) for driver in (first, second) for name in ("talk", "other")]


async def a_denied_name_that_another_vm_created(host: Bench) -> object:
    host.start("create secret,0x1000", "maker")
    return host.device("deny secret").request("secret")


async def a_failure_after_the_substitution(host: Bench) -> object:
    driver = host.device("subst talk,host-talk")
    return driver.request("talk", 0), factory_page(driver), driver.request("talk"), host.regions()


async def created_regions(host: Bench) -> object:
    driver = host.start("subst a,x create a1,0x2000,0600 subst b,y create b1,0x3000")
    first = known(host)
    (content,) = {os.pread(region.fd, 4, 0) for region in host.registry}
    made = next(iter(host.registry))
    os.pwrite(made.fd, b"kept", 0)
    host.start("subst a,x create a1,0x2000", "two")
    return driver.request("a1"), first, content, os.pread(made.fd, 4, 0)


async def a_creation_of_more_than_the_host_has(host: Bench) -> object:
    try:
        host.start("create big,0x100001000")
    except ConfigError as error:
        return error.qvm_message()
    return known(host)


async def sizes(host: Bench) -> object:
    peer, driver = host.device(system="peer"), host.device()
    peer.request("talk", 4)
    answer = driver.request("talk", 2)
    large = host.device(system="large")
    large.request("large", 257)
    return answer, factory_page(driver), factory_page(large), known(host), shown(large)


SCENARIOS: tuple[Scenario, ...] = (
    answers_under_lists,
    names_on_the_host,
    what_a_refusal_leaves,
    rules_of_two_devices,
    a_denied_name_that_another_vm_created,
    a_failure_after_the_substitution,
    created_regions,
    a_creation_of_more_than_the_host_has,
    sizes,
)
