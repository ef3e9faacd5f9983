"""Makes cases.json: texts for each format, and what others say about them. README.md says how to run it.

Texts are the seeds below, what becomes of them by small changes, and what becomes of those by another; the random
numbers are always the same.
"""

import json
import random
import subprocess
import sys

from jsonschema import FormatChecker

MOST = 150  # texts of each format beside the seeds

SEEDS = {
    "date-time": "2026-01-02T03:04:05Z|2026-01-02T03:04:05.123456+23:59|1998-12-31T23:59:60Z|1998-12-31t15:59:60.123-08:00"
    "|2024-02-29T00:00:00z|1937-01-01T12:00:27.87+00:20|2026-12-31T23:59:59-00:00",
    "date": "2026-01-02|0000-01-01|9999-12-31|2024-02-29|2023-02-29|1900-02-29|2000-02-29|2026-04-31|2026-1-01|20260102",
    "time": "08:30:06Z|23:59:60Z|23:59:59.999999+01:30|01:29:60+01:30|23:29:60+23:30|00:00:00-23:59|12:00:00.5z|12:00:00",
    "duration": "P4DT12H30M5S|P1Y2M3D|PT1H|P2W|P1M2DT3M|PT36H|P01D|P1Y|PT0S|P1YT1S|P1MT|P1D2Y",
    "email": "joe.bloggs@example.com|te~st@example.com|\"joe bloggs\"@example.com|\"a\\\\\\\"b\"@x.de|a@[127.0.0.1]|a@[IPv6:2001:db8::1]"
    "|a@b|a+b/c=d@sub.ex-ample.org|!#$%&'*+-/=?^_`{|}~@x.y|\"\"@x.y|ü@x.de|a(c)@b.c|<a@b.c>|a@b_c.de|a@-b.de|a@b..c",
    "idn-email": "실례@실례.테스트|δοκιμή@example.com|joe@bücher.example|\"ü\"@x.de|a@b|a@ü|ü@[127.0.0.1]|a@☃.net",
    "hostname": "www.example.com|hostname|1host|xn--9n2bp8q.xn--9t4b11yi5a|a--b.com|xn--bcher-kva.ch|a.b.c.d.e|host_name|xn--a|1.2.3.4",
    "idn-hostname": "실례.테스트|bücher.example|παράδειγμα|例え.テスト|מבחן.example|l·l.cat|faß.de|ー.jp|a。b|☃.net|Bücher.de|xn--bcher-kva.ch"
    "|نامه‌ای.com|क्‍ष.example|ab--cd.de|İ.tr",
    "ipv4": "192.168.0.1|0.0.0.0|255.255.255.255|256.1.1.1|01.2.3.4|1.2.3|1.2.3.4.5|0x7f.0.0.1|+1.2.3.4",
    "ipv6": "::|::1|1:2:3:4:5:6:7:8|1::8|1:2:3:4:5:6:7::|::2:3:4:5:6:7:8|2001:db8::ff00:42:8329|::ffff:192.168.0.1|1:2:3:4:5:6:1.2.3.4"
    "|1::1.2.3.4|fe80::1%eth0|1:2:3:4:5:6:7|12345::|::ffff:192.168.0.01|1::2::3|:1:2:3:4:5:6:7:8|ABCD:EF01::",
    "uri": "http://foo.bar/?baz=qux#quux|http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com|ldap://[2001:db8::7]/c=GB?objectClass?one"
    "|mailto:a@b.c|tel:+1-816-555-1212|urn:oasis:names:specification:docbook:dtd:xml:4.1.2|http://a.b/ä|http://a.b/{id}|a b|file:///etc/hosts"
    "|http://[v1.fe:x]/|http://a:/|x:|http://a.b#c#d|http://u@h@i/|http:///p|a+b-c.d:e|http://[::1%25eth0]/|//a/b|/a|http://h/%zz|http://[]/",
    "uri-reference": "/abc|//foo.bar/?baz=qux#quux|abc|#frag|?q|a:b|1a:b|./a:b|../x/y;p=1|//u:p@h:80/|a b|ä|{id}|\\\\\\\\W\\\\f||///|//[::1]/a|a//b|:a",
    "iri": "http://ƒøø.ßår/?∂éœ=πîx#πîüx|http://a.b/ä|urn:ü|http://[2001:db8::1]/ü|http://a/\U00010300?q=\ue000|http://a/\ue000|ä:b|http://ü@ö:80/",
    "iri-reference": "âππ|#ƒräg|//ƒøø.ßår/|/ä b|ä?\ue000|ä#\ue000|ä:b|./ä:b",
    "uri-template": "http://example.com/dictionary/{term:1}/{term}|https://x.y{/b,c}|{?q,lang}|{#frag}|{a:3}|{+path}/here|{&x,y*}|{;x,y,empty}"
    "|{.dom*}|{=a}|{a.b}|{%41}|{}|{a b}|{a,}|{v:0}|{v:10000}|a'b|a b|ä|{ä}|%zz|<a>|{a:3*}|{a}{b}|{a|}|{a_1}|{.}|{a.}|{a..b}",
    "uuid": "123e4567-e89b-12d3-a456-426614174000|00000000-0000-0000-0000-000000000000|2EB8AA08-AA98-11EA-B4AA-73B441D16380|2eb8aa08aa9811eab4aa73b441d16380"
    "|urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380|{2eb8aa08-aa98-11ea-b4aa-73b441d16380}",
    "json-pointer": "|/|/foo/0|/a~1b|/m~0n|/~|/~2|foo|#/a|/ |//|/%25|/ä|/~0~1|/a~",
    "relative-json-pointer": "0|1/0|2/highly/nested/objects|0#|1#|01|0##|+1|-1/a|0+1|0-1#|1/a~2|120/ä|",
    "regex": "([abc])+\\\\s+$|^(abc]|a{1,2}|a{2,1}|[a-z]|[z-a]|\\\\p{Letter}|\\\\p{Script=Greek}|\\\\p{sc=Grek}|\\\\p{Nope}|\\\\u0041|\\\\u{1F600}|\\\\u{110000}"
    "|(?<n>a)\\\\k<n>|(?<=a)b|(?!a)b|\\\\1(a)|\\\\2(a)|[\\\\d-z]|\\\\-|[\\\\-]|\\\\cA|\\\\c1|\\\\0|\\\\01|[]|[^]|a**|a+?|^*|(?:a|b)|(?a)|(?i)a|\\\\a|\\\\Z|{|}|]"
    "|a{|\\\\x41|\\\\x4|[\\\\b]|[\\\\B]|\\\\b+|(?=a)*|\\\\P{Lu}|\\\\pL|a|b|\\\\/|\\\\ü|(|)|[|\\\\|(?<a>x)(?<a>y)|(?<1>x)|[[:alpha:]]|\\\\d\\\\D\\\\w\\\\W\\\\s\\\\S|\\\\ud83d\\\\ude00",
}

LETTERS = "aZ09-._~:/?#[]@!$&'()*+,;=%{}|\\\"<>^` TtPz\n\tüé\u00e4\u0661\u200d\u2028\u3002漢\U0001f600"


def mutate(rng, text):
    """Returns the text with one small change."""
    at = rng.randrange(len(text) + 1)
    match rng.randrange(5):
        case 0:
            return text[:at] + rng.choice(LETTERS) + text[at:]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + rng.choice(LETTERS) + text[at + 1 :]
        case 3:
            end = min(len(text), at + rng.randrange(1, 6))
            return text[:at] + text[at:end] + text[at:end] + text[end:]
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def texts(name):
    rng = random.Random(name)
    # The bar divides seeds, and is a letter of regular expressions and mailboxes, too.
    seeds = SEEDS[name].replace("\\\\", "\\").split("|")
    if name == "regex":
        seeds += ["a|b", "(a|", "|", "(?<a>x)|(?<b>y)"]
    if name == "email":
        seeds += ["!#$%&'*+-/=?^_`{|}~@x.y"]
    found = dict.fromkeys(seeds)
    while len(found) < len(seeds) + MOST:
        text = mutate(rng, rng.choice(seeds))
        if rng.randrange(3) == 0:
            text = mutate(rng, text)
        found[text] = None
    return list(found)


# What python-jsonschema does not check in earnest: it looks for an @, takes regular expressions of Python, and times
# without a zone.
SKIPPED = ("email", "idn-email", "regex", "time")


def python_says(name, text):
    if name not in FormatChecker.checkers:
        sys.exit(f"python-jsonschema does not check {name}: install what README.md says")
    return FormatChecker().conforms(text, name)


def digit(verdict):
    return "-" if verdict is None else str(int(verdict))


def main():
    cases = {name: texts(name) for name in SEEDS}
    answer = subprocess.run(["node", "others.mjs"], input=json.dumps(cases), text=True, check=True, stdout=subprocess.PIPE)
    others = json.loads(answer.stdout)
    result = {}
    for name, all_texts in cases.items():
        result[name] = {}
        for i, text in enumerate(all_texts):
            verdicts = [column and column[i] for column in others[name]]
            verdicts.append(None if name in SKIPPED else python_says(name, text))
            result[name][text] = "".join(map(digit, verdicts))
    with open("cases.json", "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=True, indent=0)
        file.write("\n")


main()
