# SPDX-License-Identifier: Apache-2.0
"""What a target file may not say, each with the line that says it. The file is right but for one change."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.target.check import check
from tests.boards.test_check_target import TARGETS, command, filled_in

ADDRESS = '        address: "192.0.2.10"\n'
HOST = "        host_key: known_hosts\n"
BOOT = '        boot: ["Starting|startup", "login:"]\n'
FEATURES = "    features:\n      - access\n      - performance\n"
SECONDS = "      boot_seconds: 60\n"
TARGET = "  qnx-aarch64-generic:\n"
IMPORTS = "imports:\n  - harness.labgrid\n"
SSH = "        ssh_seconds: 60\n"
FIRST = '        - {loc: 0x1c050000, intr: "gic:43"}\n'
SECOND = '        - {loc: 0x1c051000, intr: "gic:44"}\n'

Case = tuple[str, str, str, str]
"""What is replaced, by what, words of the wrong line, words of the message."""

EMPTY: dict[str, Case] = {
    "list": (BOOT, "        boot:\n", "        boot:", "boot has no value"),
    "features": (FEATURES, "    features:\n", "    features:", "features has no value"),
    "option": (SECONDS, "      boot_seconds:\n", "      boot_seconds:\n", "boot_seconds has no value"),
    "tilde": ("templates: qnx-aarch64", "templates: ~", "templates:", "templates has no value"),
    "driver": ("ManualPowerDriver: {}", "ManualPowerDriver:", "ManualPowerDriver", "has no value"),
    "resources": ("    resources:\n", "    resources:\n    x:\n", "    resources:", "resources has no value"),
    "targets": ("targets:\n", "targets:\nfeatures:\n", "targets:", "targets has no value"),
    "imports": (IMPORTS, "imports:\n", "imports:", "imports has no value"),
    "entry": ("      - access\n", "      - access\n      -\n", "      -\n", "entry 2 of the list has no value"),
    "place": (FIRST, '        - {loc: , intr: "gic:43"}\n', "{loc: ,", "loc has no value"),
    "overrides": ("profile_overrides: {}", "profile_overrides:", "profile_overrides:", "has no value"),
}

YAML: dict[str, Case] = {
    "merge key": (ADDRESS, "        <<: *x\n", "<<", "merge keys"),
    "merge keys": (SECONDS, "      boot_seconds: 60\n      <<: [*a, *b]\n", "<<", "merge keys"),
    "environment": (ADDRESS, "        address: !env HOST\n", "!env", "labgrid knows no tag !env"),
    "include": ("    options:\n", "    options: !include x.yaml\n    more:\n", "!include", "no tag !include"),
    "python": (ADDRESS, "        address: !!python/name:os.system\n", "!!python", "labgrid knows no tag"),
    "set": (FEATURES, "    features: !!set {access}\n", "!!set", "labgrid knows no tag"),
    "variable": (ADDRESS, '        address: !template "$HOST"\n', "$HOST", "unknown variable 'HOST'"),
    "bare dollar": (ADDRESS, '        address: !template "a$"\n', "a$", "a $ needs a name"),
    "template of a list": (FEATURES, "    features: !template [a]\n", "!template", "!template is for a text"),
    "number as target": (TARGET, "  1234:\n", "1234", "the key 1234 is not read as text"),
    "boolean as target": (TARGET, "  on:\n", "  on:", "the key on is not read as text"),
    "nothing as target": (TARGET, "  ~:\n", "  ~:", "the key None is not read as text"),
    "date as key": ("    features:\n", "    2026-01-01:\n", "2026", "the key 2026-01-01 is not read as text"),
    "list as key": ("    features:\n", "    [a, b]:\n", "[a, b]", "a key is a text"),
    "recursive list": (
        "      - access\n",
        "      - &a [*a]\n",
        "&a",
        "an alias (*) stands inside of what it stands for",
    ),
    "recursive mapping": (TARGET, "  x: &x {y: *x}\n" + TARGET, "&x", "an alias (*) stands inside"),
    "recursive far down": (
        "    options:\n",
        "    options: &o\n      linux: {a: [*o]}\n",
        "&o",
        "an alias (*) stands inside",
    ),
    "unknown alias": (ADDRESS, "        address: *nobody\n", "*nobody", "found undefined alias"),
    "key twice": (ADDRESS, ADDRESS + ADDRESS.replace("192", "193"), "193", "address is there twice"),
    "tab": (ADDRESS, '\taddress: "192.0.2.10"\n', "\taddress", "a tab"),
    "second document": (FEATURES, FEATURES + "---\na: b\n", "---", "a second document begins"),
    "other version": ("imports:\n", "%YAML 1.1\n---\nimports:\n", "---", "labgrid reads YAML 1.1"),
    "no such day": (SECONDS, "      boot_seconds: 2026-13-45\n", "2026-13-45", "month must be in 1..12"),
    "long number": (SECONDS, f"      boot_seconds: {'9' * 5000}\n", "99999", "limit"),
    "large number": (SECONDS, f"      boot_seconds: 0x{'f' * 4000}\n", "0xffff", "more than 64 bits"),
    "control character": (ADDRESS, "        address: a\x07\n", "\x07", "the character '\\x07' may not be in it"),
    "escaped NUL": (HOST, HOST + '        keyfile: "a\\0b"\n', "keyfile", "control character"),
    "half a pair": (ADDRESS, '        address: "\\ud800"\n', "\\ud800", "control character"),
    "open quote": (
        'password: ""',
        'password: "',
        'password: "',
        "the quote that begins in this line is closed in line",
    ),
    "quote without an end": (SECONDS, "      boot_seconds: 'a\n", "boot_seconds: 'a", "this line is not closed"),
    "behind a quote": ('password: ""', 'password: "" # a\n        username: "a" b', '"a" b', "around the whole value"),
    "no blank": ("        qvm: qvm\n", "        qvm:qvm\n", "qvm:qvm", "needs a key, a colon and a blank"),
    "two colons": (ADDRESS, "        address: ssh: a\n", "ssh: a", "a second ': ' in one line needs quotes"),
    "indentation": (
        "        username: root\n",
        "       username: root\n",
        "       username",
        "the indentation of this line",
    ),
    "options too deep": ("    options:\n", "      options:\n", "      options:", "the indentation of this line"),
    "open list": (BOOT, "        boot: [a, b\n", "boot: [a", "the [ of this line is not closed, or a comma is missing"),
    "merge conflict": ("    options:\n", "<<<<<<< HEAD\n    options:\n", "<<<<<<<", "a mark of a merge conflict"),
    "odd blank": ("        qvm: qvm\n", "        qvm:\u00a0qvm\n", "\u00a0", "a blank that is none (U+00A0)"),
    "backslash": (BOOT, '        boot: ["a\\.b"]\n', 'boot: ["a', "a backslash in double quotes needs another one"),
    "at": (BOOT, "        boot: [@a]\n", "boot: [@", "begins with such a character needs quotes"),
    "half a pair in a path": ("folder: /tmp/shmem-harness", 'folder: "\\ud800"', "\\ud800", "control character"),
    "half a pair in a template": (ADDRESS, '        address: !template "\\ud800"\n', "\\ud800", "control character"),
    "deep lists": (SECONDS, SECONDS + f"      linux: {'[' * 9999}\n", "[[[[", "nested more than"),
    "deep mappings": (SECONDS, SECONDS + f"      linux: {'{a: ' * 99}\n", "{a: {a:", "nested more than"),
    "deep lines": (SECONDS, SECONDS + f"      linux:\n        {'- ' * 99}\n", "- - -", "nested more than"),
}

TWO_READINGS: dict[str, Case] = {
    "octal port": (ADDRESS, ADDRESS + "        port: 0022\n", "0022", "0022 is read as 18 by labgrid and as 22"),
    "octal speed": ("speed: 115200", "speed: 0115200", "0115200", "is read as 39552 by labgrid"),
    "octal address": (FIRST, FIRST.replace("0x1c050000", "0o100000"), "0o100000", "0o100000 is read as '0o100000'"),
    "sixties": (SECONDS, "      boot_seconds: 1:30\n", "1:30", "1:30 is read as 90"),
    "interrupt": (SECOND, "        - {loc: 0x1c051000, intr: 1:44}\n", "1:44", "1:44 is read as 104"),
    "exponent": (SECONDS, "      boot_seconds: 6e1\n", "6e1", "6e1 is read as '6e1' by labgrid and as 60.0"),
    "feature": ("      - access\n", "      - on\n", "- on", "on is read as True by labgrid and as 'on'"),
    "agent": (HOST, HOST + "        agent: no\n", "agent: no", "no is read as False"),
    "password": ('password: ""', "password: Yes", "password: Yes", "Yes is read as True"),
    "reading": ("profile_overrides: {}", "profile_overrides: {mixed_rules: off}", "off}", "off is read as False"),
}

KINDS: dict[str, Case] = {
    "boot": (BOOT, "        boot: login\n", "boot: login", "boot is 'login'; expected a list of texts"),
    "boot of numbers": (BOOT, "        boot: [1]\n", "boot: [1]", "boot is [1]; expected a list of texts"),
    "boot of pairs": (BOOT, "        boot: {login: 1}\n", "boot: {", "boot is {'login': 1}; expected a list"),
    "features": (FEATURES, "    features: access\n", "features: access", "features is 'access'; expected a list"),
    "common features": ("targets:\n", "features: access\ntargets:\n", "features: access", "features is 'access'"),
    "mapping of features": (FEATURES, "    features: {access: true}\n", "features: {", "expected a list of texts"),
    "number as feature": ("      - access\n", "      - 5\n", "- 5", "features[1] is 5; expected a text"),
    "imports": (IMPORTS, "imports: harness.labgrid\n", "imports:", "imports is 'harness.labgrid'; expected a list"),
    "consoles": (HOST, HOST + "        consoles: /dev/ser2\n", "consoles", "consoles is '/dev/ser2'; expected a list"),
    "console": (HOST, HOST + "        consoles: [/dev/ser2]\n", "consoles", "an entry of consoles is '/dev/ser2'"),
    "agent": (HOST, HOST + "        agent: 1\n", "agent: 1", "agent is 1; expected true or false"),
    "quoted pace": ("txdelay: 0.0", 'txdelay: "0.1"', "txdelay", "txdelay is '0.1'; expected a number with a decimal"),
    "whole pace": ("txdelay: 0.0", "txdelay: 1", "txdelay", "txdelay is 1; expected a number with a decimal point"),
    "quoted port": (ADDRESS, ADDRESS + '        port: "22"\n', 'port: "22"', "port is '22'; expected a whole number"),
    "true port": (ADDRESS, ADDRESS + "        port: true\n", "port: true", "port is True; expected a whole number"),
    "broken port": (ADDRESS, ADDRESS + "        port: 22.0\n", "port: 22.0", "port is 22.0; expected a whole number"),
    "quoted speed": ("speed: 115200", 'speed: "115200"', "speed", "speed is '115200'; expected a whole number"),
    "serial port": ("port: /dev/ttyUSB0", "port: 5", "port: 5", "port is 5; expected the path of a serial port"),
    "number as address": (ADDRESS, "        address: 192\n", "address: 192", "address is 192; expected a text"),
    "block as address": (ADDRESS, "        address: |\n          a\n", "address: |", "address is a block of text (|)"),
    "number as password": ('password: ""', "password: 1234", "1234", "password is (not shown); expected a text"),
    "true seconds": (SSH, "        ssh_seconds: true\n", "ssh_seconds", "ssh_seconds is True; expected a number"),
    "part of a cycle": ("power_cycles: 2", "power_cycles: 2.5", "2.5", "power_cycles is 2.5; expected a whole number"),
    "quoted seconds": (
        SECONDS,
        '      boot_seconds: "60"\n',
        '"60"',
        "boot_seconds is '60'; expected a number above 0",
    ),
    "no seconds": (SECONDS, "      boot_seconds: .nan\n", ".nan", "boot_seconds is nan; expected a number above 0"),
    "endless seconds": (
        SSH,
        "        ssh_seconds: .inf\n",
        ".inf",
        "ssh_seconds is inf; expected a number that is finite",
    ),
    "date": (SECONDS, "      boot_seconds: 2026-01-01\n", "2026", "expected a number above 0"),
    "quoted place": (
        FIRST,
        FIRST.replace("0x1c050000", '"0x1c050000"'),
        '"0x1c',
        "loc is '0x1c050000'; expected a whole",
    ),
    "place": (
        "      mmio:\n",
        "      mmio: 5\n      x:\n",
        "mmio: 5",
        "mmio is 5; expected a list of mappings with the keys",
    ),
    "options": ("    options:\n", "    options: [a]\n    x:\n", "options: [a]", "options is ['a']; expected a mapping"),
    "targets": ("targets:\n", "targets: [a]\nx:\n", "targets: [a]", "targets is ['a']; expected a mapping"),
    "target": (
        TARGET,
        TARGET.replace(":", ": desk") + "x:\n",
        ": desk",
        "target qnx-aarch64-generic is 'desk'; expected",
    ),
    "drivers": (
        "    drivers:\n",
        "    drivers: [SerialDriver]\n    x:\n",
        "drivers: [",
        "an entry of this list is 'Serial",
    ),
    "arguments": ("ManualPowerDriver: {}", "ManualPowerDriver: true", "ManualPower", "is True; expected a mapping"),
    "images": ("targets:\n", "images: {host: 5}\ntargets:\n", "images", "images.host is 5; expected a text"),
    "linux": (SECONDS, SECONDS + "      linux: []\n", "linux: []", "option linux is []; expected a mapping"),
    "guests' addresses": (
        SECONDS,
        SECONDS + "      linux: {addresses: a}\n",
        "{addresses: a}",
        "addresses is 'a'; expected a list",
    ),
    "binding": (
        "txdelay: 0.0",
        "bindings: {port: 5}",
        "bindings",
        "port is 5; expected the name of a resource or driver",
    ),
    "bindings": ("txdelay: 0.0", "bindings: console", "bindings", "bindings is 'console'; expected a mapping"),
    "name": ("speed: 115200", "name: 5", "name: 5", "name is 5; expected a text"),
    "list as name": ("speed: 115200", "name: [a]", "name: [a]", "name is ['a']; expected a text"),
    "list as binding": ("txdelay: 0.0", "bindings: {port: [a]}", "bindings", "port is ['a']; expected the name of a"),
    "class": ("ManualPowerDriver: {}", "ManualPowerDriver: {cls: [a]}", "cls: [a]", "cls is ['a']; expected the name"),
    "class of another": ("ManualPowerDriver: {}", "ManualPowerDriver: {cls: {a: b}}", "cls: {", "cls is {'a': 'b'}"),
    "class without a key": (
        "    drivers:\n",
        "    drivers:\n      - {cls: [a], name: x}\n    x:\n",
        "cls: [a]",
        "cls is ['a']; expected the name of a class",
    ),
    "class in an entry": (
        "    drivers:\n",
        "    drivers:\n      - SerialDriver: {cls: 5}\n    x:\n",
        "cls: 5",
        "cls is 5; expected the name of a class",
    ),
    "feature": ("      - access\n", '      - " "\n', '- " "', "features[1] is ' '; expected a word"),
    "feature of all": ("targets:\n", 'features: [""]\ntargets:\n', "features: [", "features[1] is ''; expected a word"),
    "coordinator": (
        "targets:\n",
        "options: {coordinator_address: 5}\ntargets:\n",
        "coordinator",
        "options.coordinator_address is 5; expected HOST or HOST:PORT",
    ),
}

VALUES: dict[str, Case] = {
    "account": (ADDRESS, "        address: root@192.0.2.1\n", "root@", "the account is the argument username"),
    "port": (ADDRESS, "        address: 192.0.2.1:2222\n", ":2222", "the port is the argument port"),
    "named host and port": (
        ADDRESS,
        "        address: lab.example.org:22\n",
        "org:22",
        "the port is the argument port",
    ),
    "six and port": (ADDRESS, '        address: "[2001:db8::1]:22"\n', "2001", "the port is the argument port"),
    "brackets": (ADDRESS, '        address: "[2001:db8::1]"\n', "2001", "without brackets"),
    "protocol": (ADDRESS, "        address: ssh://lab\n", "ssh://", "without the protocol"),
    "large address": (ADDRESS, "        address: 192.0.2.300\n", "300", "an address of four numbers"),
    "short address": (ADDRESS, "        address: 192.0.2\n", "192.0.2", "expected a"),
    "network": (ADDRESS, "        address: 192.0.2.1/24\n", "/24", "a name or an address of a host"),
    "blank": (ADDRESS, "        address: my host\n", "my host", "a name or an address of a host"),
    "negative port": (ADDRESS, ADDRESS + "        port: -1\n", "port: -1", "a port from 1 to 65535"),
    "port nought": (ADDRESS, ADDRESS + "        port: 0\n", "port: 0", "a port from 1 to 65535"),
    "large port": (ADDRESS, ADDRESS + "        port: 65536\n", "65536", "a port from 1 to 65535"),
    "speed": ("speed: 115200", "speed: 0", "speed: 0", "a speed above 0"),
    "pace": ("txdelay: 0.0", "txdelay: -0.1", "-0.1", "txdelay is -0.1; expected 0.0 or more"),
    "no account": ("        username: root\n", '        username: ""\n', 'username: ""', "the name of an account"),
    "account with host": ("        username: root\n", "        username: root@a\n", "root@a", "the name of an account"),
    "host key": (
        HOST,
        "        host_key: consol\n",
        "host_key: consol",
        "one of: known_hosts, console, unchecked; did you mean console?",
    ),
    "pattern": (BOOT, '        boot: ["["]\n', '["["]', "no regular expression"),
    "any pattern": (BOOT, '        boot: [".*"]\n', ".*", "does not match an empty text"),
    "prompt": (SSH, "        shell_prompt: '('\n", "shell_prompt", "no regular expression"),
    "any prompt": (SSH, '        login_prompt: ""\n', "login_prompt", "does not match an empty text"),
    "no group": (SSH, "        address_pattern: inet\n", "address_pattern", "a pattern with a group"),
    "placement": (
        "placements: [mmio]",
        "placements: [mimo]",
        "mimo",
        "placements[1] is 'mimo'; expected one of: pci, mmio",
    ),
    "placements": ("placements: [mmio]", "placements: [mmio, mmio]", "mmio, mmio", "expected every entry once"),
    "image": ("guest_images: [probe]", "guest_images: [prob]", "[prob]", "did you mean probe?"),
    "way": ("ways: [serial]", "ways: [seriell]", "seriell", "did you mean serial?"),
    "release": ('profile: "8.0"', "profile: 8", "profile: 8", "option profile is 8; expected one of: 7.0, 7.1, 8.0"),
    "architecture": ("architecture: aarch64", "architecture: arm64", "arm64", "did you mean aarch64?"),
    "beyond": (SECONDS, SECONDS + '      beyond: "6.0"\n', "beyond", "option beyond is '6.0'; expected one of"),
    "field": (
        "profile_overrides: {}",
        "profile_overrides: {mixed_rule: x}",
        "mixed_rule",
        "did you mean 'mixed_rules'?",
    ),
    "reading": (
        "profile_overrides: {}",
        "profile_overrides: {mixed_rules: x}",
        "mixed_rules",
        "choose one of first-match",
    ),
    "within a page": (FIRST, FIRST.replace("50000", "50010"), "50010", "a multiple of 0x1000"),
    "below memory": (FIRST, FIRST.replace("0x1c050000", "-4096"), "-4096", "expected the address of a page"),
    "same place": (SECOND, SECOND.replace("51000", "50000"), "gic:44", "loc 0x1c050000 is taken by location 1"),
    "same interrupt": (SECOND, SECOND.replace("44", "43"), "0x1c051000", "intr gic:43 is taken by location 1"),
    "no line": (SECOND, SECOND.replace("gic:44", "gic"), '"gic"', "expected PIC:LINE"),
    "octal line": (SECOND, SECOND.replace("gic:44", "gic:044"), "gic:044", "without zeros in front"),
    "trigger": (
        FIRST,
        FIRST.replace("}", ", trigger: rising}"),
        "rising",
        "trigger is 'rising'; expected one of: '', edge, level",
    ),
    "window": (FIRST, FIRST.replace("}", ", window: 5}"), "window", "window is 0x5; expected the address of a page"),
    "key of a place": (FIRST, FIRST.replace("}", ", irq: 5}"), "irq", "option mmio[1]: unknown key irq"),
    "templates": ("templates: qnx-aarch64", "templates: public", "templates:", "is a file, no folder"),
    "key of linux": (SECONDS, SECONDS + "      linux: {adresses: []}\n", "adresses", "did you mean addresses?"),
    "guest's address": (
        SECONDS,
        SECONDS + "      linux: {addresses: [10.0.0.1/x]}\n",
        "10.0.0.1",
        "ADDRESS or ADDRESS/BITS",
    ),
    "list as index": (
        "      NetworkService:\n",
        "      NetworkPowerPort: {model: gude, host: a, index: [2]}\n      NetworkService:\n",
        "NetworkPowerPort",
        "index is [2]: one value is meant, no list",
    ),
    "linux without addresses": (
        "guest_images: [probe]",
        "guest_images: [probe, linux]",
        "guest_images",
        "are reached by linux: addresses",
    ),
    "name of the target": (TARGET, "  a/b:\n", "a/b", "'a/b' is no name for a target"),
    "empty name": (TARGET, '  "":\n', '"":', "'' is no key"),
    "key of the file": (
        "targets:\n",
        "target: {}\ntargets:\n",
        "target: {}",
        "unknown key target; did you mean targets?",
    ),
    "key of the target": (FEATURES, "    feature: []\n", "feature:", "unknown key feature; did you mean features?"),
    "option": ("placements:", "placement:", "placement:", "unknown option placement; did you mean placements?"),
    "argument": ("txdelay:", "tx_delay:", "tx_delay", "SerialDriver has no argument tx_delay; did you mean txdelay?"),
    "driver": ("ManualPowerDriver", "ManualPower", "ManualPower:", "did you mean ManualPowerDriver?"),
    "other class": (
        "ManualPowerDriver: {}",
        "ManualPowerDriver: {cls: ExternalPowerDriver}",
        "cls: ",
        "ExternalPowerDriver needs the argument cmd_on",
    ),
    "binding": ("txdelay: 0.0", "bindings: {prot: a}", "prot", "no binding prot; did you mean port?"),
    "bound to nothing": (
        "txdelay: 0.0",
        "bindings: {port: uart}",
        "bindings",
        "named 'uart' (port), and none stands before it",
    ),
    "second strategy": (
        "        power_cycles: 2\n",
        "      ShmemBenchStrategy: {}\n",
        "ShmemBenchStrategy",
        "a second strategy",
    ),
    "not imported": (IMPORTS, "", "ShmemQnxHostDriver:", "is known only with imports: [harness.labgrid]"),
    "import with a line end": ("- harness.labgrid", '- "a\\nb"', '- "a', "import of a"),
    "relative import": ("- harness.labgrid", "- .labgrid", "- .labgrid", "import of .labgrid"),
    "missing file": ("- harness.labgrid\n", "- harness.labgrid\n  - gone.py\n", "gone.py", "import of gone.py"),
    "long name": ("templates: qnx-aarch64", f"templates: {'x' * 300}", "templates: x", "there is no folder"),
    "long recipe": (SECONDS, SECONDS + f"      linux: {{recipe: {'x' * 300}}}\n", "recipe", "there is no recipe"),
    "public key": (HOST, HOST + "        keyfile: public\n", "keyfile", "is a public key; the private one is meant"),
    "folder of keys": (HOST, HOST + "        keyfile: qnx-aarch64\n", "keyfile", "is a folder, no file"),
    "key as known hosts": (HOST, HOST + "        known_hosts: private\n", "known_hosts: p", "is a private key"),
    "left in a value": (ADDRESS, "        address: FILL-IN\n", "FILL-IN", "FILL IN is left here"),
    "left in a comment": (ADDRESS, ADDRESS.replace("\n", "  # FILL IN\n"), "# FILL IN\n", "FILL IN is left here"),
    "left in front": (ADDRESS, "        # FILL IN the address\n" + ADDRESS, "# FILL IN the", "FILL IN is left here"),
    "left behind words": (
        ADDRESS,
        ADDRESS.replace("\n", "  # ask Ann; FILL IN\n"),
        "# ask Ann",
        "FILL IN is left here",
    ),
}

DOUBTS: dict[str, Case] = {
    "thousandths": (SSH, "        ssh_seconds: 60000\n", "ssh_seconds", "16.7 hours: the unit is seconds"),
    "of a guest": (SECONDS, "      boot_seconds: 60000\n", "60000", "16.7 hours: the unit is seconds"),
    "of a Linux guest": (SECONDS, SECONDS + "      linux: {boot_seconds: 90000}\n", "90000", "25.0 hours"),
    "variable": (
        HOST,
        HOST + "        keyfile: $LG_QNX_AARCH64_GENERI/key\n",
        "keyfile",
        "did you mean LG_QNX_AARCH64_G",
    ),
    "open key": (HOST, HOST + "        keyfile: private\n", "keyfile", "is open to others"),
    "empty key": (HOST, HOST + "        keyfile: empty\n", "keyfile", "is empty"),
    "empty known hosts": (HOST, HOST + "        known_hosts: empty\n", "known_hosts: e", "is empty"),
    "nobody's home": (HOST, HOST + "        keyfile: ~nobody-at-all/key\n", "keyfile", "there is no file"),
    "long name": (HOST, HOST + f"        keyfile: {'x' * 300}\n", "keyfile", "there is no file"),
    "misspelt feature": ("      - performance\n", "      - perfomance\n", "perfomance", "did you mean performance?"),
}

FINE: dict[str, tuple[str, str]] = {
    "an hour": (SSH, "        ssh_seconds: 3600\n"),
    "variable of somebody's": (HOST, HOST + "        keyfile: $LG_KEYS/mine\n"),
    "linux with addresses": (
        "guest_images: [probe]",
        "guest_images: [probe, linux]\n      linux: {addresses: [192.0.2.50]}",
    ),
    "six": (ADDRESS, "        address: 2001:db8::1\n"),
    "zone": (ADDRESS, '        address: "fe80::1%eth0"\n'),
    "name": (ADDRESS, "        address: my-board.lab.example.org.\n"),
    "port": (ADDRESS, ADDRESS + "        port: 2222\n"),
    "alias": (SECONDS, "      boot_seconds: &s 60\n      linux: {boot_seconds: *s}\n"),
    "release as a number": ('profile: "8.0"', "profile: 8.0"),
    "place of a lab": (ADDRESS, '        address: !template "$LG_ADDRESS"\n'),
    "base": ("templates: qnx-aarch64", 'templates: !template "$BASE/qnx-aarch64"'),
    "quoted": ("      - access\n", '      - "on"\n'),
    "tagged": ("      - access\n", "      - !!str 5\n"),
    "class twice": ("ManualPowerDriver: {}", "ManualPowerDriver: {cls: ManualPowerDriver}"),
    "fill in, in a sentence": (ADDRESS, "        # What to FILL IN: see above.\n" + ADDRESS),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is, with what it may name."""
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    (tmp_path / "public").write_text("ssh-ed25519 AAAAC3 root@lab\n")
    (tmp_path / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "private").chmod(0o644)
    (tmp_path / "empty").touch()
    return tmp_path


def changed(place: Path, old: str, new: str) -> Path:
    text = filled_in()
    assert text.count(old) >= 1
    file = place / "target.yaml"
    # Bytes: no line end is translated, and no half of a pair is missed.
    file.write_bytes(text.replace(old, new, 1).encode())
    return file


def line_of(file: Path, words: str) -> int:
    text = file.read_bytes().decode()
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "wrong", "message"),
    [
        pytest.param(*case, id=f"{kind}: {name}")
        for kind, cases in {
            "empty": EMPTY, "YAML": YAML, "two readings": TWO_READINGS, "kind": KINDS, "value": VALUES
        }.items()
        for name, case in cases.items()
    ],
)  # fmt: skip
def test_the_line_with_the_wrong_value_is_reported(place: Path, old: str, new: str, wrong: str, message: str) -> None:
    file = changed(place, old, new)
    problems = check(file)
    found = [problem for problem in problems if message in problem.text]
    assert found, problems
    assert (found[0].file, found[0].line, found[0].warning) == (str(file), line_of(file, wrong), False)


@pytest.mark.parametrize(("old", "new", "wrong", "message"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_hardly_meant_is_a_warning(place: Path, old: str, new: str, wrong: str, message: str) -> None:
    file = changed(place, old, new)
    (problem,) = check(file)
    assert problem.warning
    assert message in problem.text
    assert problem.line == line_of(file, wrong)


@pytest.mark.parametrize(("old", "new"), FINE.values(), ids=FINE)
def test_what_only_looks_wrong_is_good(place: Path, old: str, new: str) -> None:
    assert check(changed(place, old, new)) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "is empty"),
        (b"# only\n# comments\n", 1, "is empty"),
        (b"---\n~\n", 1, "is empty"),
        (b"- a\n- b\n", 1, "not a mapping"),
        (b"just words\n", 1, "not a mapping"),
        (b"imports: []\n", 1, "targets is missing"),
        (b"targets: {}\n", 1, "there are no targets"),
        (b"# \xe9\n", 1, "is no UTF-8 text"),
        (b"a: b\nc: \xff\n", 2, "is no UTF-8 text"),
        ("targets: {}\n".encode("utf-16"), 1, "is UTF-16 text"),
        (b"#" * (1 << 20), 1, "is larger than"),
        (b"\x00" * 9, 1, "may not be in it"),
        (b"a: [\n", 1, "a [ or { above is not closed"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_a_file_that_is_no_target_file_is_rejected(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    file = tmp_path / "target.yaml"
    file.write_bytes(content)
    problem = check(file)[0]
    assert (problem.file, problem.line, problem.warning) == (str(file), line, False)
    assert message in problem.text


@pytest.mark.parametrize("name", ["gone.yaml", "folder", "a\0b"])
def test_a_file_that_cannot_be_read_is_rejected(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (problem,) = check(tmp_path / name)
    assert "cannot be read" in problem.text
    assert problem.line == 1


def test_marks_of_an_editor_are_no_matter(place: Path) -> None:
    file = place / "target.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + filled_in().replace("\n", "\r\n").encode())
    assert check(file) == []


def test_aliases_cannot_make_a_small_file_endless(place: Path) -> None:
    laughs = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    (place / "target.yaml").write_text("\n".join([*laughs, filled_in()]))
    assert "aliases make more than" in check(place / "target.yaml")[-1].text


def test_all_errors_are_reported_at_once(place: Path) -> None:
    text = filled_in().replace(BOOT, "        boot: login\n").replace(ADDRESS, "        address: root@a\n")
    text = text.replace("txdelay:", "tx_delay:").replace(SECONDS, "      boot_seconds: soon\n")
    text = text.replace(FEATURES, "    features:\n").replace("placements:", "placement:")
    file = place / "target.yaml"
    file.write_text(text)
    wrong = ["root@a", "tx_delay", "boot: login", "features:", "    options:", "placement:", "soon"]
    assert [problem.line for problem in check(file)] == [line_of(file, words) for words in wrong]


def test_a_bench_without_images_for_its_emulator(tmp_path: Path) -> None:
    text = (TARGETS / "qemu-qnx-aarch64.yaml").read_text().replace("kernel: host", "kernel: hots")
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    file = tmp_path / "target.yaml"
    file.write_text(text)
    (problem,) = check(file)
    assert problem.line == line_of(file, "kernel: hots")
    assert "there is no 'hots' under images of this file; did you mean host?" in problem.text


COMMANDS = {
    "check-target": (["check-target"], 1),
    "live": (["check-target", "--live"], 1),
    "qualify": (["qualify", "--out", "reports", "--lg-env"], 3),
    "prove": (["prove", "--out", "reports", "--lg-env"], 3),
}


@pytest.mark.parametrize(("words", "status"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("case", [YAML["merge key"], KINDS["features"]])
def test_every_command_says_the_same(place: Path, words: list[str], status: int, case: Case) -> None:
    file = changed(place, case[0], case[1])
    done = command(*(str(place / word) if word == "reports" else word for word in words), str(file))
    assert done.returncode == status, done.stdout + done.stderr
    assert f"{file}:{line_of(file, case[2])}: error: " in done.stdout + done.stderr
    assert case[3] in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (place / "reports").exists()
