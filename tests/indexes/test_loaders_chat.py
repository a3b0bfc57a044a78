"""Chat logs: who said what and when, in the exports that people have."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from indexes.base import Loaded
from indexes.ingest.loaders.chat import chat_of_json, chat_of_text
from indexes.ingest.loaders.plain import load_plain

WECHAT_DATE_FIRST = """\
2024-03-01 10:02:33 张三
东站的围挡今天能装好吗？
2024-03-01 10:03:10 李四
下午三点前装好，
共四十块。
2024-03-01 10:03:50 张三
[图片]
2024-03-01 14:20:00 王五
扬尘监测仪到货了
"""
WECHAT_NAME_FIRST = """\
张三 2024/3/1 10:02
东站的围挡今天能装好吗？

李四 2024/3/1 10:03
下午三点前装好，
共四十块。

张三 2024/3/1 10:03
[图片]

王五 2024/3/1 14:20
扬尘监测仪到货了
"""
WECHAT_MAIL = """\
如下是东站项目群的聊天记录:

—————  2024-03-01  —————


张三  10:02

东站的围挡今天能装好吗？


李四  10:03

下午三点前装好，
共四十块。


张三  10:03

[图片]


王五  14:20

扬尘监测仪到货了

"""
QQ = """\
消息记录（此消息记录为文本格式，不支持重新导入）

================================================================
消息分组:我的QQ群
================================================================
消息对象:东站项目群
================================================================

2024-03-01 10:02:33 张三(10001)
东站的围挡今天能装好吗？

2024-03-01 10:03:10 【管理员】李四<li@example.com>
下午三点前装好，
共四十块。

2024-03-01 10:03:50 张三(10001)
[图片]

2024-03-01 14:20:00 王五(10003)
扬尘监测仪到货了
"""
BRACKETS = """\
[2024-03-01 10:02] 张三: 东站的围挡今天能装好吗？
[2024-03-01 10:03] 李四: 下午三点前装好，
共四十块。
[2024-03-01 10:03] 张三: [图片]
[2024-03-01 14:20] 王五: 扬尘监测仪到货了
"""
WHATSAPP_ZH = """\
2024/3/1 上午10:01 - 消息和通话已进行端到端加密。
2024/3/1 上午10:02 - 张三: 东站的围挡今天能装好吗？
2024/3/1 上午10:03 - 李四: 下午三点前装好，
共四十块。
2024/3/1 上午10:03 - 张三: [图片]
2024/3/1 下午2:20 - 王五: 扬尘监测仪到货了
"""
INLINE = """\
2024年3月1日
10:02 张三：东站的围挡今天能装好吗？
10:03 李四：下午三点前装好，
共四十块。
10:03 张三：[图片]
10:04 张三：好
14:20 王五：扬尘监测仪到货了
14:21 王五：来两个人搬
"""
CHINESE = {
    "date, name": WECHAT_DATE_FIRST,
    "name, date": WECHAT_NAME_FIRST,
    "name, hour": WECHAT_MAIL,
    "qq": QQ,
    "brackets": BRACKETS,
    "whatsapp": WHATSAPP_ZH,
    "hour, name": INLINE,
}
WHATSAPP_US = """\
3/1/24, 9:58 AM - Messages and calls are end-to-end encrypted.
3/1/24, 10:02 AM - Alice Wu: Will the fence be up today?
3/1/24, 10:03 AM - Bob: By three,
forty panels.
3/1/24, 10:05 AM - Bob added Carol
3/14/24, 12:20 PM - Carol: The dust monitor is here
"""
WHATSAPP_UK = """\
[14/03/2024, 10:02:05] Alice Wu: Will the fence be up today?
[14/03/2024, 10:03:00] Bob: By three,
forty panels.
\u200e[15/03/2024, 12:20:00] Carol: \u200eimage omitted
[15/03/2024, 12:21:00] Alice Wu: The dust monitor is here
"""
DISCORD = """\
Alice Wu — 03/14/2024 10:02 AM
Will the fence be up today?
Bob — 03/14/2024 10:03 AM
By three,
forty panels.
Alice Wu — 03/14/2024 12:20 PM
The dust monitor is here
"""
IRC = """\
--- Log opened Fri Mar 01 10:00:00 2024
Friday, March 1, 2024
10:02 <alice> will the fence be up today?
10:03 <@bob> by three
10:04 <alice> good
"""
DIALOGUE = """\
张三：围挡今天能装好吗？
李四：下午三点前，放心
张三：好的，辛苦了
张三：记得拍照
李四：收到，装完发群里
王五：扬尘监测仪也到货了！
张三：那一起装吧
李四：行，来两个人
王五：马上，十分钟
张三：谢谢，辛苦大家
王五：应该的
李四：客气了
"""


def read(text: str, name: str = "chat.txt") -> Loaded:
    """Return what is read of a chat log."""
    loaded = chat_of_text(text, name)
    assert loaded is not None
    return loaded


def said(loaded: Loaded) -> list[tuple[str, str]]:
    """Return the time and text of each message."""
    return [(b.location.get("time", ""), b.text) for b in loaded.blocks if not b.level]


@pytest.mark.parametrize("text", CHINESE.values(), ids=CHINESE)
def test_chinese_exports(text: str) -> None:
    """Each message is one block, with its lines, its speaker and its time."""
    messages = [one for one in said(read(text)) if re.search(r"\d：", one[1])]
    messages = [(time[:16], re.sub(r"\(.*?\)|<.*?>|【.*?】", "", text)) for time, text in messages]
    assert [one for one in messages if "：好" not in one[1] and "搬" not in one[1]] == [
        ("2024-03-01 10:02", "张三 10:02：东站的围挡今天能装好吗？"),
        ("2024-03-01 10:03", "李四 10:03：下午三点前装好，\n共四十块。"),
        ("2024-03-01 10:03", "张三 10:03：[图片]"),
        ("2024-03-01 14:20", "王五 14:20：扬尘监测仪到货了"),
    ]


@pytest.mark.parametrize("text", CHINESE.values(), ids=CHINESE)
def test_conversations(text: str) -> None:
    """A silence of more than an hour begins a conversation under its time and its people."""
    headings = [(b.text, b.level) for b in read(text).blocks if b.level]
    headings = [(text.replace("【管理员】", ""), level) for text, level in headings]
    times = [one for one in headings if one[1] == 1]
    assert times[-1] == ("2024-03-01 14:20", 1)
    assert headings[-3:] == [("张三、李四", 2), ("2024-03-01 14:20", 1), ("王五", 2)]


@pytest.mark.parametrize("text", CHINESE.values(), ids=CHINESE)
def test_date_and_participants(text: str) -> None:
    """A log has the date of its latest message, and lists who speaks in it."""
    loaded = read(text)
    assert loaded.date == "2024-03-01"
    people = loaded.fields["participants"]
    assert isinstance(people, list)
    assert {str(one).replace("【管理员】", "") for one in people} == {"张三", "李四", "王五"}


@pytest.mark.parametrize("text", CHINESE.values(), ids=CHINESE)
def test_nothing_is_lost_or_doubled(text: str) -> None:
    """Every line that says something stands in exactly one block."""
    found = "\n".join(b.text for b in read(text).blocks)
    for words in ("围挡今天能装好", "下午三点前装好", "共四十块", "[图片]", "监测仪到货了"):
        assert found.count(words) == 1, words


@pytest.mark.parametrize(
    ("text", "expected", "last"),
    [
        (
            WHATSAPP_US,
            [
                ("2024-03-01 09:58", "Messages and calls are end-to-end encrypted."),
                ("2024-03-01 10:02", "Alice Wu 10:02: Will the fence be up today?"),
                ("2024-03-01 10:03", "Bob 10:03: By three,\nforty panels."),
                ("2024-03-01 10:05", "Bob added Carol"),
                ("2024-03-14 12:20", "Carol 12:20: The dust monitor is here"),
            ],
            "2024-03-14",
        ),
        (
            WHATSAPP_UK,
            [
                ("2024-03-14 10:02:05", "Alice Wu 10:02: Will the fence be up today?"),
                ("2024-03-14 10:03:00", "Bob 10:03: By three,\nforty panels."),
                ("2024-03-15 12:20:00", "Carol 12:20: image omitted"),
                ("2024-03-15 12:21:00", "Alice Wu 12:21: The dust monitor is here"),
            ],
            "2024-03-15",
        ),
        (
            DISCORD,
            [
                ("2024-03-14 10:02", "Alice Wu 10:02: Will the fence be up today?"),
                ("2024-03-14 10:03", "Bob 10:03: By three,\nforty panels."),
                ("2024-03-14 12:20", "Alice Wu 12:20: The dust monitor is here"),
            ],
            "2024-03-14",
        ),
        (
            IRC,
            [
                ("", "--- Log opened Fri Mar 01 10:00:00 2024"),
                ("2024-03-01 10:02", "alice 10:02: will the fence be up today?"),
                ("2024-03-01 10:03", "bob 10:03: by three"),
                ("2024-03-01 10:04", "alice 10:04: good"),
            ],
            "2024-03-01",
        ),
    ],
    ids=["whatsapp us", "whatsapp uk", "discord", "irc"],
)
def test_english_exports(text: str, expected: list[tuple[str, str]], last: str) -> None:
    """English logs are read in both orders of day and month, with both clocks."""
    loaded = read(text)
    assert said(loaded) == expected
    assert loaded.date == last


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (("3/4/2024", "13/4/2024"), "2024-04-13"),
        (("3/4/2024", "4/13/2024"), "2024-04-13"),
        (("28/02/2024", "1/3/2024"), "2024-03-01"),
        (("3/1/2024", "4/1/2024"), "2024-01-04"),  # both orders go on: the day first
    ],
)
def test_order_of_day_and_month(dates: tuple[str, str], expected: str) -> None:
    """A number above 12 anywhere in the log tells which of the two is the day."""
    text = (
        f"[{dates[0]}, 10:02] Al: one\n[{dates[0]}, 10:03] Bo: two\n[{dates[1]}, 10:02] Al: three\n"
    )
    assert read(text).date == expected


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2024-03-01 上午9:05", "2024-03-01 09:05"),
        ("2024-03-01 下午1:05", "2024-03-01 13:05"),
        ("2024-03-01 凌晨12:05", "2024-03-01 00:05"),
        ("2024-03-01 中午12:05", "2024-03-01 12:05"),
        ("2024年3月1日 星期五 晚上11:05", "2024-03-01 23:05"),
        ("2024/03/01 12:05 AM", "2024-03-01 00:05"),
        ("2024/03/01 12:05\u202fpm", "2024-03-01 12:05"),
        ("2024-03-01T12:05:06", "2024-03-01 12:05:06"),
        ("2024.3.1，12:05", "2024-03-01 12:05"),
    ],
)
def test_times(stamp: str, expected: str) -> None:
    """Both clocks, in Chinese and English, are read."""
    text = f"[{stamp}] 张三: 一\n[{stamp}] 李四: 二\n[{stamp}] 张三: 三\n"
    assert {time for time, _ in said(read(text))} == {expected}


def test_impossible_times() -> None:
    """A message without a possible time is kept, with the time as it was written."""
    text = WECHAT_DATE_FIRST.replace("2024-03-01 10:03:10", "2024-02-31 25:03:10")
    assert ("", "2024-02-31 25:03:10 李四：下午三点前装好，\n共四十块。") in said(read(text))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (QQ, "东站项目群"),
        (WECHAT_MAIL, "东站项目群的聊天记录"),
        (f"群聊：东站项目群\n{WECHAT_DATE_FIRST}", "东站项目群"),
        (f"Chat with: Bob\n\n{DISCORD}", "Bob"),
        (WECHAT_DATE_FIRST, ""),
    ],
)
def test_titles(text: str, title: str) -> None:
    """A log is named as it names itself."""
    assert read(text).title == title


def test_accounts_are_told_once() -> None:
    """An account's number can be found, and does not stand in every line."""
    texts = [text for _, text in said(read(QQ)) if "张三" in text]
    assert texts == ["张三(10001) 10:02：东站的围挡今天能装好吗？", "张三 10:03：[图片]"]


def test_several_chats_in_one_file() -> None:
    """The partners of a whole QQ export are headings above their conversations."""
    other = QQ.replace("东站项目群", "李四").replace("东站的围挡", "西站的围挡")
    loaded = read(f"{QQ}\n{other}")
    assert loaded.title == ""
    headings = [(b.text, b.level) for b in loaded.blocks if b.level]
    assert [text for text, level in headings if level == 1] == ["东站项目群", "李四"]
    assert ("2024-03-01 14:20", 2) in headings


def test_what_the_chat_tells() -> None:
    """A recalled message and a new member are nobody's words, and are kept."""
    text = WECHAT_DATE_FIRST.replace(
        "[图片]\n", "[图片]\n张三撤回了一条消息\n“王五”通过扫描二维码加入群聊\n"
    )
    found = said(read(text))
    assert ("2024-03-01 10:03:50", "张三撤回了一条消息") in found
    assert ("2024-03-01 10:03:50", "“王五”通过扫描二维码加入群聊") in found


def test_same_message_twice() -> None:
    """What overlapping exports repeat comes once; 好 in two seconds is two messages."""
    text = "".join(f"2024-03-01 10:02:{second} 张三\n好\n" for second in (10, 10, 11, 12))
    assert [time[-2:] for time, _ in said(read(text))] == ["10", "11", "12"]


def test_a_new_day() -> None:
    """Midnight begins another conversation."""
    text = "[2024-03-01 23:59] A1: x\n[2024-03-02 00:01] B1: y\n[2024-03-02 00:02] A1: z\n"
    assert [b.text for b in read(text).blocks if b.level == 1] == [
        "2024-03-01 23:59",
        "2024-03-02 00:01",
    ]


def test_undated_times() -> None:
    """Without any date the hours are kept, and past midnight another conversation begins."""
    text = "张三 23:50\n到了吗\n李四 23:52\n到了\n张三 23:58\n好\n李四 00:01\n晚安\n"
    loaded = read(text)
    assert (loaded.date, said(loaded)[0]) == ("", ("23:50", "张三 23:50：到了吗"))
    assert [b.text for b in read(text).blocks if b.level == 1] == ["23:50", "00:01"]


def test_many_speakers() -> None:
    """A heading names five people and says that there are more."""
    text = "".join(f"2024-03-01 10:0{i} 员工{'甲乙丙丁戊己庚'[i]}\n收到\n" for i in range(7))
    (heading,) = [b.text for b in read(text).blocks if b.level == 2]
    assert heading == "员工甲、员工乙、员工丙、员工丁、员工戊 等"


def test_dialogue_without_times() -> None:
    """Short turns of a few people are a chat, and stay as they are written."""
    loaded = read(DIALOGUE)
    assert [text for _, text in said(loaded)] == DIALOGUE.strip().split("\n")
    assert loaded.fields["participants"] == ["张三", "李四", "王五"]


ARTICLE = """\
东站开工

记者 张三 2024-03-01 10:02

东站综合交通枢纽工程今日开工。工程总投资八十亿元。
负责人说：“质量第一。”
来源：新华网 2024-03-01 11:00
"""
SERVER = """\
2024-03-01 10:02:33 INFO: server started
2024-03-01 10:02:34 ERROR: disk full
2024-03-01 10:02:35 INFO: retry
2024-03-01 10:02:36 WARN: slow
2024-03-01 10:02:37 INFO: done
"""
NOT_CHATS = {
    "article": ARTICLE,
    "levels": SERVER,
    "levels in brackets": re.sub(r"(?m)^(\S+ \S+)", r"[\1]", SERVER),
    "levels after a dash": re.sub(r"(?m)^(\S+ \S+)", r"\1 -", SERVER),
    "levels in lines of their own": "2024-03-01 10:02:33 INFO\nstarted\n2024-03-01 10:02:34 ERROR\nfailed\n" * 3,
    "milliseconds": "2024-03-01 10:02:33.123 alice: in\n2024-03-01 10:02:34.456 bob: out\n" * 4,
    "python": "2024-03-01 10:02:33,123 - app.db - INFO - connected: yes\n" * 9,
    "laravel": "[2024-03-01 10:02:33] production.ERROR: boom\n[2024-03-01 10:02:34] local.INFO: ok\n" * 4,
    "programs": "[2024-03-01 10:02:33] kernel: usb 1-1\n[2024-03-01 10:02:35] sshd: accepted\n" * 4,
    "syslog": "Mar  1 10:02:33 host sshd[123]: Accepted\nMar  1 10:02:34 host cron[9]: run\n" * 4,
    "plain events": "".join(f"2024-03-01 10:02:3{i} Server number {i} started\n" for i in range(9)),
    "access": '10.0.0.1 - - [01/Mar/2024:10:02:33 +0800] "GET / HTTP/1.1" 200 1\n' * 9,
    "timetable": "2024年3月1日\n09:00 开幕式：市长致辞\n09:30 主题报告：双碳\n10:30 茶歇：二楼\n11:00 讨论：招标\n12:00 午餐：三楼\n",
    "timetable without text": "开幕式 09:00\n主题报告 09:30\n茶歇 10:30\n午餐 12:00\n",
    "markdown": "# Release\n\n- Fix: a\n- Note: b\n- Fix: c\n\nName: text\nNote: be careful\n" * 3,
    "notes": "Note: be careful, please.\nWarning: do not touch.\n" * 9,
    "legal": "".join(f"第{n}条：施工单位应当覆盖裸土，不得施工。\n" for n in "一二三四五六七八九十" * 2),
    "questions": "Q: What is the limit, please?\nA: It is 55 dB, at night.\n" * 9,
    "chinese questions": "问：夜间限值是多少？\n答：五十五分贝，夜间。\n" * 9,
    "contract": "甲方：应当按期付款，不得拖延。\n乙方：应当按期交货，不得拖延。\n" * 9,
    "records": "姓名：张三，男\n部门：工程部，一处\n电话：138，本地\n" * 9,
    "interview": "".join(f"{w}：{'我们认为，这一项目对城市的发展有着十分重要的意义，也是各方多年努力的结果，应当珍惜。' * 3}\n" for w in ("张市长", "王记者") * 8),
    "script": "ROMEO: But soft, what light?\nJULIET: O Romeo, Romeo!\n" * 9,
    "hearing": "审判长：现在开庭，请坐。\n原告：我方要求赔偿，十万元。\n" * 9,
    "transcript": "张三 00:00:01\n大家好\n李四 00:00:09\n你好\n张三 00:00:15\n开始吧\n李四 00:00:20\n好的\n",
    "key and value": "Host: a, b, c\nPort: 1, 2\nUser: x, y\n" * 9,
    "mail": "From: a@b.c\nTo: d@e.f\nSubject: hello, you\n\nBody text: yes\n",
    "prose": "The quick brown fox jumps. It was 10:02 when Alice said: stop!\n" * 20,
    "empty": "\n \n",
}  # fmt: skip


@pytest.mark.parametrize("text", NOT_CHATS.values(), ids=NOT_CHATS)
def test_what_is_no_chat(text: str) -> None:
    """Articles, logs of servers, timetables, laws, lists and plays are not taken for chats."""
    assert chat_of_text(text, "a.txt") is None


def test_logs_of_servers_by_name() -> None:
    """What may be either is no chat in a file named a log."""
    text = "".join(f"[2024-03-01 10:0{i}] {'alice' if i % 2 else 'bob'}: in\n" for i in range(8))
    assert chat_of_text(text, "a.txt") is not None
    assert chat_of_text(text, "a.log") is None
    assert chat_of_text(IRC, "a.log") is not None


def test_loading(tmp_path: Path) -> None:
    """A text file that is a chat is read as one, in an old encoding too."""
    path = tmp_path / "a.txt"
    path.write_bytes(QQ.encode("gb18030"))
    loaded = load_plain(path)
    assert loaded.title == "东站项目群"
    assert loaded.fields["participants"]


def slack(user: str, seconds: int, text: str, **more: Any) -> dict[str, Any]:
    """Return a message as Slack exports it, seconds after 2024-03-01 10:00 UTC."""
    return {
        "type": "message",
        "user": user,
        "ts": f"{1709287200 + seconds}.000100",
        "text": text,
        **more,
    }


SLACK = [
    slack("U1", 0, "Is <@U2> at the <https://e.org/x|site>? a &lt; b &amp; c"),
    slack("U2", 60, "Yes <!here>, see <#C1|dust> and <mailto:a@b.c|a@b.c>", user_profile={"real_name": "李四"}),
    slack("U1", 7200, "Lunch?", files=[{"name": "menu.pdf"}]),
    slack("U2", 90, "Forty panels", thread_ts="1709287200.000100"),
    slack("U2", 200_000, "All up now", thread_ts="1709287200.000100"),
    slack("U3", 7260, "<@U3> has joined the channel", subtype="channel_join"),
    slack("U1", 7200, "Lunch at one?", files=[{"name": "menu.pdf"}], edited={"user": "U1"}),
    {"type": "message", "subtype": "bot_message", "username": "CI", "ts": "1709294500.0", "text": "", "attachments": [{"title": "Build 7", "text": "passed"}]},
    {"type": "message", "user": "U1", "ts": "1709294501.0", "text": "", "blocks": [{"type": "rich_text", "elements": [{"elements": [{"type": "user", "user_id": "U2"}, {"type": "text", "text": " thanks"}]}]}]},
]  # fmt: skip


def test_slack(tmp_path: Path) -> None:
    """Slack's people, links and signs read as they do in Slack; an edited message comes once."""
    folder = tmp_path / "general"
    folder.mkdir()
    people = [
        {"id": "U1", "real_name": "Alice Wu"},
        {"id": "U3", "profile": {"real_name": "Carol"}},
    ]
    (tmp_path / "users.json").write_text(json.dumps(people))
    loaded = chat_of_json(SLACK, folder / "2024-03-01.json")
    assert loaded is not None
    assert (loaded.title, loaded.date) == ("general 2024-03-01", "2024-03-03")
    assert loaded.fields["participants"] == ["Alice Wu", "李四", "CI"]
    blocks = list(loaded.blocks)
    assert [b.text for b in blocks] == [
        "2024-03-01 10:00",
        "Alice Wu、李四",
        "Alice Wu 10:00：Is @李四 at the site (https://e.org/x)? a < b & c",
        "李四 10:01：Forty panels",
        "李四 2024-03-03 17:33：All up now",
        "李四 10:01：Yes @here, see #dust and a@b.c",
        "2024-03-01 12:00",
        "Alice Wu, CI",
        "Alice Wu 12:00: Lunch at one?\n[menu.pdf]",
        "@Carol has joined the channel",
        "CI 12:01: Build 7\npassed",
        "Alice Wu 12:01：@李四 thanks",
    ]


def test_slack_threads(tmp_path: Path) -> None:
    """An answer stands with what it answers, however late, and says its own day."""
    loaded = chat_of_json(SLACK, tmp_path / "a.json")
    assert loaded is not None
    texts = [b.text for b in loaded.blocks]
    late = texts.index("李四 2024-03-03 17:33：All up now")
    assert texts[late - 1] == "李四 10:01：Forty panels"


@pytest.mark.parametrize("users", ["{", "{}", "[1, {}]", "[" * 100_000])
def test_slack_with_broken_people(tmp_path: Path, users: str) -> None:
    """A broken list of people costs the names only."""
    (tmp_path / "users.json").write_text(users)
    loaded = chat_of_json(SLACK, tmp_path / "a.json")
    assert loaded is not None
    assert "U1 12:00: Lunch at one?\n[menu.pdf]" in [b.text for b in loaded.blocks]


TELEGRAM = {
    "name": "东站项目群",
    "type": "private_group",
    "id": 7,
    "messages": [
        {"id": 1, "type": "service", "date": "2024-03-01T09:59:00", "actor": "张三", "action": "invite_members", "members": ["李四"]},
        {"id": 2, "type": "message", "date": "2024-03-01T10:02:33", "from": "张三", "text": "围挡装好了吗？"},
        {"id": 3, "type": "message", "date": "2024-03-01T10:03:00", "from": "李四", "text": ["见 ", {"type": "link", "text": "https://e.org"}, "，", {"type": "text_link", "text": "图", "href": "https://e.org/p"}]},
        {"id": 4, "type": "message", "date": "2024-03-01T10:04:00", "from": None, "from_id": "user9", "text": "", "photo": "photos/1.jpg"},
        {"id": 5, "type": "message", "date": "2024-03-02T08:00:00", "from": "李四", "text": "", "file": "files/计划.pdf", "forwarded_from": "王五"},
    ],
}  # fmt: skip


def test_telegram() -> None:
    """One chat of Telegram: plain and formatted texts, pictures, files and events."""
    loaded = chat_of_json(TELEGRAM, Path("result.json"))
    assert loaded is not None
    assert (loaded.title, loaded.date) == ("东站项目群", "2024-03-02")
    assert said(loaded) == [
        ("2024-03-01 09:59:00", "张三 invite members 李四"),
        ("2024-03-01 10:02:33", "张三 10:02：围挡装好了吗？"),
        ("2024-03-01 10:03:00", "李四 10:03：见 https://e.org，图 (https://e.org/p)"),
        ("2024-03-01 10:04:00", "user9 10:04: [photo]"),
        ("2024-03-02 08:00:00", "李四 08:00：[王五]\n[file 计划.pdf]"),
    ]


def test_telegram_of_all_chats() -> None:
    """A full export has each chat under its name."""
    data = {"about": "", "chats": {"list": [TELEGRAM, {**TELEGRAM, "name": "Bob", "id": 8}]}}
    loaded = chat_of_json(data, Path("result.json"))
    assert loaded is not None
    headings = [b.text for b in loaded.blocks if b.level == 1]
    assert headings == ["东站项目群", "Bob"]


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        None,
        1,
        [{"ts": "1709287200.0", "value": 3}],
        [{"ts": 1709287200, "text": "x", "user": "a"}],
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": []},
        {"name": "x", "messages": "y"},
        {"chats": {"list": 3}},
        [["ts", "user"]],
        {"messages": [{"type": "message", "date": "x", "text": ""}]},
    ],
)
def test_other_json(data: Any) -> None:
    """Data that is no export of a chat is left to others."""
    assert chat_of_json(data, Path("a.json")) is None


HOSTILE = {
    "emoji": "👨‍👩‍👧‍👦👍🏽" * 3000,
    "right to left": "مرحبا بالعالم " * 800,
    "controls": "a\x1bb\x07c\u202e" * 3000,
    "colons": "1:" * 9000,
    "digits": "2024-03-01 10:02 " * 900,
    "brackets": "[" * 9000 + "<" * 9000,
    "blanks": "x" + " " * 90_000 + "y",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("frame", ["2024-03-01 10:0{i} 张三\n{body}\n", "[2024-03-01 10:0{i}] 用户{i}: {body}\n", "{body}\n"])  # fmt: skip
def test_hostile_messages(frame: str, body: str) -> None:
    """No text takes long, and no block of it is long."""
    text = "".join(frame.format(i=i % 2, body=body) for i in range(4))
    started = time.process_time()
    loaded = chat_of_text(text, "a.txt")
    blocks = list(loaded.blocks) if loaded else []
    assert time.process_time() - started < 2
    assert all(len(block.text) < 4200 for block in blocks)


def test_a_family_is_not_cut() -> None:
    """A long row of emoji is cut between them."""
    family = "👨‍👩‍👧‍👦"
    text = f"2024-03-01 10:02:33 张三\n{family * 2000}\n2024-03-01 10:03:33 李四\n好\n"
    texts = [text.removeprefix("张三 10:02：") for _, text in said(read(text)) if family in text]
    assert len(texts) > 1
    assert all(set(text.split(family)) == {""} for text in texts)


@pytest.mark.parametrize("count", [20_000, pytest.param(500_000, marks=pytest.mark.slow)])
def test_long_logs(count: int) -> None:
    """A log of a million lines is read in seconds, and its blocks are never all in memory."""
    text = "".join(
        f"2024-03-{1 + i // 20_000:02} {i // 1200 % 24:02}:{i // 20 % 60:02}:{i % 60:02} 用户{i % 7}\n好的{i}\n"
        for i in range(count)
    )
    started = time.process_time()
    blocks = iter(read(text).blocks)
    spent = time.process_time() - started
    tracemalloc.start()
    for _ in range(10_000):
        next(blocks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20
    started = time.process_time()
    assert 10_000 + sum(1 for _ in blocks) > count
    assert spent + time.process_time() - started < 60
