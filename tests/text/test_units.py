"""The units that a person would point at, in texts of every make: "¦" marks where one ends and the next begins."""

import re
from pathlib import Path

import pytest

from provence_plugins.text.sentences import split_sentences

_FILE = Path(__file__).parent.parent / "fixtures" / "units.txt"


def read_units() -> list[str]:
    """Read the texts with marks, each behind a line with its name."""
    return re.split("^%%%% ", _FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


LOGS = [
    """2025-03-07 10:01:02 INFO  ledger job 4711 started for tenant north
¦2025-03-07 10:01:09 INFO  ledger job 4711 wrote 312 rows to the table of the ledger
¦2025-03-07 10:04:20 ERROR ledger no space left on device /dev/sdb1 while writing
¦""",
    """Mar  7 10:01:02 gate sshd[812]: accepted a key for root from 10.0.0.7 port 51122
¦Mar  7 10:01:09 gate cron[90]: (root) CMD run-parts of the hour
¦Mar  7 10:03:20 gate kernel: the disk sda was taken away while it was in use
¦""",
    """[INFO] the build began and all of its nine modules will be compiled
¦[WARN] module four uses an interface that will be removed
¦[ERROR] module seven could not be compiled: symbol not found
    at line 42 of Main.java
¦[INFO] the build ended
¦""",
    """10.0.0.7 - - [07/Mar/2025:10:01:02 +0000] "GET /index.html HTTP/1.1" 200 512
¦10.0.0.9 - - [07/Mar/2025:10:01:03 +0000] "GET /missing HTTP/1.1" 404 18
¦10.0.0.7 - - [07/Mar/2025:10:01:04 +0000] "POST /login HTTP/1.1" 302 0
¦""",
    """[    0.000000] Linux version 6.1 (builder@host) compiled on a cold day
¦[    0.412001] usb 1-1: new high-speed device number 2 using xhci
¦[    3.001250] EXT4-fs (sda1): mounted with ordered data mode and no quota
¦""",
    """I0307 10:01:02.123456    1 controller.go:90] caches are in sync with the server now
¦E0307 10:01:03.000001    1 reflector.go:14] failed to list pods because of a timeout
¦I0307 10:01:04.000001    1 leader.go:7] became the leader of the lease again
¦""",
    """ERROR: the connection to the database was refused by the other side
¦WARNING: trying again in five seconds, the third time already
¦INFO: connected after all, and the queue is being worked off
¦""",
    "<34>1 2025-10-11T22:14:15.003Z mail su - ID47 - 'su root' failed on /dev/pts/8\n¦"
    "<165>1 2025-10-11T22:14:16.003Z mail app - ID48 - An event was logged\n¦",
]

CHATS = [
    """[09:12] <ann> hi all, the printer on floor two is dead again
¦[09:13] <bob> same here since this morning, no idea why
¦[09:20] <dan> repaired, a screw was loose in the tray
¦""",
    """<ann> does the mirror work for anybody else today
¦<bob> no, it has been down since the update of the night
¦<ann> then I will take the other one, thanks
¦""",
    """12/03/2025, 09:12 - Ann: are we still on for the hike tomorrow
¦12/03/2025, 09:15 - Bob: yes, but bring a coat, it will rain
¦12/03/2025, 09:16 - Ann: fine
¦""",
    """Ann: who has the key of the small room on the first floor
¦bob: it hangs behind the door, where it always hangs
¦Ann: found it, thank you very much indeed
¦""",
    """(09:12:01) ann: the tests fail on my machine since the last merge
¦(09:12:40) bob: pull again, that was mended an hour ago
¦(09:14:02) ann: green now
¦""",
    """[12.03.25, 09:12:33] Ann Lee: did the parcel arrive at the front desk
¦[12.03.25, 09:13:01] Bob: it is behind the counter, ask for box nine
¦""",
    "*** ann has joined #mill\n¦<ann> has anyone seen the key?\n¦<bob> it is in the safe\n¦*** ann has left #mill\n¦",
    """@tilly_b: thermostat shows 19 but my own thermometer says 21.5, who is lying
¦@greg77: is it above a radiator or next to a door?
¦@home_grid (staff): Chimney breasts run cold when the flue is unused. Enter an offset in the menu, up to three.
¦@tilly_b: 2.5 then, cheers
¦@pawel: mine says LEARN for three weeks now
¦""",
    "Ann Lee\n  10:04 AM\nhas anyone seen the key?\n¦Bob Ray\n  10:06 AM\nit is in the safe\nthe code is with Cara\n¦",
    "[10:04 AM] Ann Lee\nhas anyone seen the key?\n\n¦[10:06 AM] Bob Ray\nit is in the safe\n",
]

TRANSCRIPTS = [
    """[00:00] Ines: Good morning everyone. Let us start with the roadmap.

¦[00:21] Omar: I am here, but the line is bad today. Can you hear me?

¦[00:40] Ines: We can. Omar, you have the floor.
""",
    """CHAIR: The meeting is open. We have three points today.
¦MS LEE: I would like to add one on the budget of the coming year.
¦CHAIR: Then we have four.
¦""",
    """**Host:** Welcome to the show. Today we talk about bees.

¦**Guest:** Thank you. I have kept bees for thirty years.

¦**Host:** How did it begin?
""",
    """0:00
welcome back to the channel
¦0:04
today we look at the new lens
¦0:09
and at what it costs
¦""",
    """Dr. Hale: Where does it hurt?
¦Patient: Here, below the ribs, when I breathe in.
¦Dr. Hale: Since when?
¦""",
    "BY MR. HALE:\n¦Q. Where were you on the night of the fire?\n¦A. At home.\n¦BY MS. RAY:\n¦Q. Alone?\n¦A. No.\n¦",
]

SUBTITLES = [
    """1
00:00:01,000 --> 00:00:03,500
The ship left the harbour at dawn.

¦2
00:00:04,000 --> 00:00:06,000
Nobody on the quay
waved to it.

¦3
00:00:07,000 --> 00:00:09,000
It was never seen again.
""",
    """WEBVTT

¦00:01.000 --> 00:03.500
The ship left the harbour.

¦00:04.000 --> 00:06.000
Nobody waved.
""",
    """7
00:01:01,000 --> 00:01:03,500
- Is it far? - No.
¦8
00:01:04,000 --> 00:01:06,000
Then let us walk.
¦""",
    """00:00:01.000 --> 00:00:02.000 align:start position:0%
so the first thing that you do

¦00:00:02.000 --> 00:00:04.000 align:start position:0%
is to open the lid
""",
    """12
00:00:50,120 --> 00:00:52,001
<i>It had been a long winter.</i>

¦13
00:00:53,000 --> 00:00:55,000
And the wood was gone.
""",
]

FIELDS = [
    """Name: Ann Lee
¦Date of birth: 4 March 1980
¦Known allergies: penicillin, nuts, and the pollen of birches in spring
¦current medication: none since the operation of the last year
¦""",
    """color = dark
¦timeout = 30
¦retries = the number of times that a request is sent again
¦""",
    """Opening hours ........ 9 to 5
¦Telephone ............ 0123 456
¦Entrance ............. behind the house
¦""",
    """HOST=db.example.org
¦PORT=5432
¦USER=reader_of_all_the_tables_in_the_warehouse
¦""",
    """item_weight: 2.3 pounds, as measured with the box and the paper
¦is_dishwasher_safe: yes, on the upper rack only
¦batteries_required: no
¦""",
    """Lamp X200
¦Price: 29 euros
¦Power: 12 watts at the highest of the three steps of light
¦Colours: white, black
¦""",
    """"name": "acme",
¦"version": "2.1.0",
¦"description": "a tool that does what it says",
¦"license": "MIT"
¦""",
    "Name: Ann Lee                Date of birth: 4.3.1980\n¦"
    "Street: Mill Road 5          Town: Redford\n¦[x] resident   [ ] visitor\n¦Reason: I work nights.\n¦",
]

TABLES = [
    """| Region | Revenue | Revenue |
| | Q2 | Q3 |
|---|---|---|
¦| North | 120 | 140 |
¦| South | 90 | 85 |
¦""",
    """+-------+-------+
| Name  | Price |
+=======+=======+
¦| Lamp  | 29    |
+-------+-------+
¦| Chair | 55    |
| oak   |       |
+-------+-------+
¦""",
    """+-------+-------+
| Name  | Price |
+-------+-------+
¦| Lamp  | 29    |
¦| Chair | 55    |
+-------+-------+
¦""",
    """ name  | price
-------+-------
¦ lamp  |    29
¦ chair |    55
¦""",
    """=====  =====
Name   Price
=====  =====
¦Lamp   29
¦Chair  55
=====  =====
¦""",
    """┌───────┬───────┐
│ Name  │ Price │
├───────┼───────┤
¦│ Lamp  │ 29    │
¦│ Chair │ 55    │
└───────┴───────┘
¦""",
    """name,price,colour
¦lamp,29,white
¦chair,55,"oak, dark"
¦desk,140,pine
¦""",
    """name;price;colour
¦lamp;29;white
¦chair;55;oak
¦""",
    # Cut out of a longer text.
    "mp,29,white\n¦chair,55,oak\n¦desk,140,pine\n¦stool,2",
    "te\n¦chair,55,oak\n¦desk,140,pine\n¦stool,21,pine\n",
    "Stock on 3 March\n¦lamp,29,white\n¦chair,55,oak\n¦desk,140,pine\n",
    """name\tprice\tcolour
¦lamp\t29\twhite
¦chair\t55\toak
¦""",
    """Name | Price | Colour
¦Lamp | 29 | white
¦Chair | 55 | oak
¦""",
    """NAME        READY   STATUS
¦web-0       1/1     Running
¦web-1       0/1     CrashLoopBackOff
¦db-0        1/1     Running
¦""",
    """<table><tr><th>Item</th><th>Price</th></tr>¦<tr><td>Lamp</td><td>29</td></tr>¦<tr><td>Chair</td><td>55</td></tr></table>""",
    """<table>
<thead><tr><th>Item</th>
<th>Price</th></tr></thead>
¦<tr><td>Lamp</td>
<td>29</td></tr>
¦<tr><td>Chair</td>
<td>55</td></tr>
</table>
¦""",
    "Team A 3 1\n¦Team B 2 2\n¦Team C 1 3\n¦",
    "Item Price Stock\n¦Lamp 29.00 12\n¦Chair, oak 55.00 3\n¦Desk 140.00 1\n¦",
]

HTML = [
    "<h2>Prices</h2>¦<p>They hold until May. ¦Then they rise.</p>¦<p>Delivery is free.</p>",
    "<ul><li>Lamps of all kinds</li>¦<li>Chairs</li>¦<li>Desks</li></ul>",
    "<div>One is here. ¦Two is there.</div>¦<div>Three.</div>",
    "Intro of it. ¦<p>One.</p>¦<h3>More</h3>¦<p>Two.</p>",
    "<dl><dt>Term</dt><dd>What it means.</dd>¦<dt>Other</dt><dd>What that means.</dd></dl>",
]

LISTS = [
    """- Losses that we pay for
¦  - Fire, smoke and lightning
¦  - Storm above force eight
¦- Losses that are left out
¦  - Leaking pipes
¦""",
    """a. apples, which keep for months
¦b. pears, which do not
¦c. plums
¦""",
    """(a) the goods are not delivered in time, or are not those of the contract;
¦(b) the buyer does not pay;
¦(c) either party is insolvent.
¦""",
    """apples and pears
¦two loaves of bread
¦milk
¦a dozen eggs
¦salt
¦""",
    """– open the flap at the front of the machine
¦– take the filter out
¦– rinse it
¦""",
    """☐ book the room for the whole of the day
¦☑ write to the speakers
¦☐ order lunch
¦""",
    """1. Switch the machine off.
¦2. Open the flap.
¦   a) With the key.
¦   b) By hand.
¦3. Rinse the filter.
¦""",
    "• Rinse the filter\n¦• Dry it\n¦  ◦ with a cloth\n¦◦ in the sun\n¦",
]

CLAUSES = [
    "(1) The Seller is liable for intent. ¦(2) For neglect it is liable up to 10,000.\n",
    "Article 5\n\nPrinciples of processing\n\n¦1. Data shall be:\n\n¦(a) processed fairly;\n\n¦(b) kept safe;\n",
    "(3) The fee is due when the action is filed. ¦It is paid to the cashier of the court. ¦The court may"
    " waive it where "
    "the plaintiff receives social benefits. ¦The plaintiff hands in the papers within two weeks. ¦Copies"
    " are enough.",
    """4.1 The supplier delivers within a week of the order, at the place that the buyer names in it.
¦4.2 The buyer pays within thirty days.
¦4.3 Late payment bears interest.
¦""",
    """§ 1 The club is called Friends of the Mill and has its seat in the village by the river.
¦§ 2 It serves the upkeep of the mill.
¦""",
    """(i) has been told of the risk, in writing and in a language that the person understands, before the study began;
¦(ii) has agreed.
¦""",
    """1. Scope. These terms hold for all orders that are placed on the page.
¦2. Offers. All offers are free until they are confirmed.
¦2.1 Prices hold for a month.
¦""",
    """The customer accepts these terms with the order, as they stand on that day.
¦2. Delivery takes place within a week.
¦3. Payment is due at once.
¦""",
    "ARTICLE IV\n¦A. Scope\n¦The rules apply to all members. ¦They apply to guests too.\n¦B. Fees\n¦"
    "Fees are due in January.\n",
    '1. DEFINITIONS\n¦"Product" means the goods in Annex A.\n¦2. TERM\n¦This agreement runs for two years.\n',
    "§ 107. Fair use of a work\n¦Notwithstanding section 106, fair use is not an infringement.\n",
]

STEPS = [
    "Cleaning the filter: ¦1. Switch the machine off. ¦2. Open the flap at the front. ¦3. Turn the filter to the left.",
    "Do this: ¦1. Wash the rice. ¦2. Add water. ¦3. Boil it.",
    "It is simple. ¦1. Pull the tab. ¦2. Fold it back. ¦3. Press.",
    "1. Lift the lid. ¦2. Look inside. ¦3. Close it. ¦And that is all of it, unless the light is red, in "
    "which case the whole "
    "thing has to be done again from the first step to the last one, and more slowly than before, with "
    "the plug pulled out.",
    "How to order — ¦1) Choose a size. ¦2) Choose a colour. ¦3) Pay.",
]

INDENTED = [
    """OPTIONS
¦       -a, --archive
              Keep owner, mode and times of every file that is copied.

¦       -d, --delete-after
              Remove files from the target that are gone in the source, once
              the copying is done.

¦       -h, --help
              Print this help and leave.
""",
    """NAME
¦       tidy - put files in order

¦DESCRIPTION
¦       It reads the folder and moves each file to where it belongs. ¦Nothing is
       removed.

¦       Links are left alone.
""",
    '''def copy_tree(source, target):
    """Copy a directory with everything below it.

¦    Files that exist already are replaced. ¦Times and modes are kept.

¦    Args:
¦        source: The directory to read. It must exist.
¦        target: Where to write. It is made if it is missing.
    """
¦''',
    """The command takes two words.

¦    It reads the first of them as a name, and the second one as a place.

¦    Nothing else is read from the line.
""",
    """.. note::

¦   This is the body of a note, which is indented by three. ¦It has two sentences.
""",
    """usage: tidy [OPTIONS] FOLDER

¦  -n, --dry-run      show what would be done, and do nothing of it
¦  -v, --verbose      say more
¦  -q                 say nothing
¦""",
]

CODE = [
    """Run it:

¦    x = read(path)
    y = x + 1

    print(y)

¦That is all.
""",
    """def main():
    print(os.getcwd())
¦""",
    """    for (int i = 0; i < n; i++) {
        total += i;
    }

    return total;
""",
    "```python\nx = 1\n\ny = 2\n```\n¦Done.",
    "$ make\n$ make install\n¦",
    "CREATE TABLE mill (\n  id INT PRIMARY KEY,\n  name TEXT\n);\nSELECT name FROM mill WHERE id = 1;\n",
    '#!/bin/sh\nset -e\nfor f in *.txt; do\n  echo "$f"\ndone\n',
    "class Mill\n  def turn\n    @speed = 4\n  end\nend\n",
    "def initialize(speed)\n  @speed = speed\n  @turns = 0\nend\n",
    "export const turn = (n) => {\n  const speed = n * 2\n  return speed\n}\n",
    'package main\n\nimport "fmt"\n',
]

DIFFS = [
    """diff --git a/x.py b/x.py
index 1..2 100644
--- a/x.py
+++ b/x.py
¦@@ -1,3 +1,3 @@ def main():
¦ a = 1
¦-b = 2
¦+b = 3
¦ c = 4
¦""",
    """--- a/notes.txt
+++ b/notes.txt
¦@@ -1 +1,2 @@
¦-one
¦+one and
¦+two
¦""",
    """Mend the sum.

¦@@ -4,2 +4,2 @@
¦-total = 0
¦+total = 1
¦ return total
¦""",
    """@@ -1,2 +1,3 @@
¦ # a heading that is none
¦+- an item that is none
¦ | a | b |
¦After it comes prose that is long enough.
""",
    """diff --git a/a b/a
--- a/a
+++ b/a
¦@@ -1 +1 @@
¦-x
¦+y
¦diff --git a/b b/b
--- a/b
+++ b/b
¦@@ -1 +1 @@
¦-x
¦+y
¦""",
]

YAML = [
    """services:
¦  web:
¦    image: nginx
¦    ports: 80
¦  db:
¦    image: postgres
¦""",
    """title: The mill by the river
¦author: Ann Lee
¦tags: [mill, river]
¦""",
    """name: build
¦on: push
¦jobs:
¦  test:
¦    runs-on: ubuntu-latest
¦""",
    """server:
¦  host: 0.0.0.0
¦  port: 8080
¦  # how long a request may take before it is given up
¦  timeout: 30
¦""",
    """fruits:
¦- apple
¦- pear
¦""",
    "defaults: &defaults\n¦  host: localhost\n¦development:\n¦  <<: *defaults\n¦  database: dev\n¦",
    "* Tasks\n¦:PROPERTIES:\n:ID: 123\n:END:\n¦** TODO Buy oil\n¦The wheel needs oil. ¦Two litres are enough.\n",
]

FALSE_HEADINGS = [
    "Regards\n¦Tom\n-- \n¦Tom Baker, sales department\n¦North Street 5\n¦",
    "Rent      500\n¦Food      200\n¦TOTAL     700\n=========\n¦",
    "Rent: 500\n¦Food: 200\n¦Total: 700\n=========\n¦",
    "ITEMS\n¦Lamp\n¦Chair\n¦TOTAL\n=====\n¦2 pieces\n¦",
    "The first of two lines that are long enough to be wrapped\nand the second.\n-----\n¦More.",
]

TITLES = [
    """Service of coffee machines
¦- Sieve: rinse it every evening
¦- Boiler: descale it twice a year, or more often where the water is hard and leaves white marks
¦Example for the model K2 in offices:
¦- up to 40 cups a day: every 12 weeks
¦""",
    """Early life

¦He was born in a village by the river, where his father had a mill that is still to be seen. ¦He left it soon.
""",
    "\ufeff# The mill\n\n¦It stands by the river.",
    """**Opening hours**

¦The house is open every day from nine to five, except on Mondays and on the days before a holiday.
""",
    """Ingredients:
¦* flour
¦* water
¦Method:
¦* mix
¦* bake
¦""",
    """- the last item of a list that is long enough to be wrapped by somebody
¦Next topic:
¦- its first item
¦""",
]

SENTENCES_LIKE_CODE = [
    "CREATE TABLE statements are slow.\n¦They lock the table.\n",
    "*** Note that this is important ***\n¦The mill is closed.\n",
]

NAMES = [
    "Small files are sent by acme.sync.Client, which waits. ¦Others are sent by acme.queue.Uploader, "
    "which returns at once.",
    "It raises httpx.HTTPError if the other side is away. ¦Then try again.",
    "See https://api.example.org/v1/Users.Get for more. ¦It is short.",
    "Java has java.util.List and java.util.Map. ¦Both are interfaces.",
    "It needs Python 3.11.2 or Node.JS v20. ¦Older ones do not do.",
    "Use `requests.Session` for that. ¦It keeps the connection.",
    "The sentence ends here.The next one lacks its space. ¦And a third.".replace("here.The", "here.¦The"),
]

ABBREVIATIONS = [
    "Members pay approx. 20 euros a year. ¦The house has a new roof. ¦Max. 4 guests may stay at a time.",
    "The board meets acc. to Sec. 4 para. 2 of the statutes. ¦Tel. 0123 is the number.",
    "See vol. 3 and eq. 4 of Smith et al. 2020. ¦It is proved there.",
    "Incl. VAT it is 20 euros. ¦Qty. 4 is the least. ¦The answer is no. ¦He left.",
    "Er kam am 31. März in Köln an. ¦Die 3. Auflage ist vergriffen, und Abs. 3 gilt nicht mehr. ¦Dann ging er.",
    "Die Firma zahlt ca. 20 Euro, bzw. etwas mehr. ¦Das ist nicht viel für die Arbeit und das Risiko.",
    "Refs. 12 and 13 say so. ¦Cf. Fig. 2 and tab. 4.",
    "Dr. Müller wohnt mit dem Hund in der Bahnhofstr. 5 im 2. Stock. ¦Am 3. ging er. ¦Er kam um 8 Uhr.",
    "Mme. Martin est arrivée le 1er janv. 2024. ¦Elle vit au n° 5.",
    "L'art. 5 del D.Lgs. 196 non vale. ¦Poi parte.",
]

EMPHASIS = [
    "* _Order forms._ After the end of this agreement no further order forms may be signed, but the "
    "agreement stays in force "
    "for the rest of every active one. ¦What was owed before has to be paid at once by the party that owes it.",
    "**Note.** This is it. ¦_Never._ Not once. ¦So *it* is.",
    "<b>Bold.</b> ¦Then plain. ¦<i>Slanted!</i> ¦Then more.",
    "He said so.[12] ¦She did not.[3][4] ¦That is all.",
    "“He left.” ¦“When?” ¦She did not know.",
    "~~Gone.~~ ¦Here.",
]

GLUED = [
    "The first line was seen at (J, K) = (3,3) in a dark cloud. ¦The dish was built. ¦The second was seen"
    " at (J, K) = (9,6) "
    "later. ¦The telescope was shut. ¦The cook left.",
    "The gain was significant at P < .05 in men. ¦Women gained nothing. ¦Nobody left. ¦Side effects were "
    "mild (headache).",
    'The screen has 27" and a stand. ¦The old one had 24" and none. ¦He has a "new" one.',
    "The style of the '90s is back. ¦Dogs' tails wag. ¦It is so.",
    "An (unclosed bracket stands here. ¦It should not matter. ¦Not at all (see above).",
    'A chunk may begin inside a quote." ¦Then "another" follows. ¦And more. ¦The end of it.',
    "Table 2. Mean recall of all groups. ¦Figure 3. The mill. ¦It was good.",
    "[![Build](https://img.example/b.svg)](https://ci.example) [![Code](https://img.example/p.svg)](https://x.example)",
    "We use x <- 3 here. ¦Then y <- 4. ¦It works (mostly).",
]

MAILS = [
    """Hello Ann,

¦the invoice is attached. ¦So is the list.

¦On Tue, 4 Mar 2025, Ann wrote:
¦> When will the crates arrive?

¦They arrive on Thursday. ¦The driver calls first.
""",
]

QUESTIONS = [
    "Q1. What is the warranty?\n¦A1. Two years on all parts.\n\n¦It covers no battery. ¦Batteries have one.\n",
    "How do I reset my password?\n¦Open the settings. ¦You get a mail.\n\n¦Who can see my files?\n¦Only you.\n",
]

CODE_LINES = [
    "Install it with pip:\n\n¦pip install acme-tools\n\n¦Then run it:\n\n¦acme doctor --all\n\n¦It reports.\n",
    "Install it with pip:\n¦pip install acme-tools\n¦Then run the doctor.\n",
    'First import the client.\n\n¦from acme import Client\n\nclient = Client("key")\n\n¦It is ready now.\n',
    'The reply was:\n\n¦{"status": "error", "message": "The disk is full. Free some space."}\n\n¦Then it stopped.\n',
    "/*\n * Returns the number of items.\n * Never negative.\n */\nint count(struct list *l)\n{\n    return l->n;\n}\n",
    "SELECT name, price\nFROM items\nWHERE price > 10\nORDER BY price;\n",
    "or from source:\n\n¦    git clone https://x.example/acme\n    cd acme\n    pip install .\n\n¦It takes a minute.\n",
    'Traceback (most recent call last):\n  File "run.py", line 8, in main\n    1 / 0\nZeroDivisionError: division\n',
    "We sell goods (see Annex A);\n\n¦We buy them;\n",
]

WRAPPERS = [
    '<div class="main">\n<p>\nThe office is open. ¦On Fridays it closes.\n</p>\n<br>\n¦<p>Bring it.</p>\n<br/>\n'
    "¦<div>\nPark behind the house.\n</div>\n</div>\n",
    "<tbody>\n<tr>\n  <td>Sunday</td>\n  <td>10:30</td>\n</tr>\n¦<tr><td>Friday</td></tr>\n</tbody>\n</table>\n¦It.\n",
    "<dl><dt>Voltage</dt><dd>230 V</dd>¦<dt>Power</dt><dd>1200 W</dd></dl>\n",
]

SHORT_LINES = [
    "things to buy:\n¦milk\n¦two loaves of bread\n¦butter\n",
    "Ingredients\n¦200 g flour\n¦3 eggs\n¦a pinch of salt\n",
    "API - application programming interface\n¦CLI - command line interface\n¦TTL - time to live, in seconds\n",
    "Ann Lee  10:04 AM\nHas anyone seen it?\n¦Bob Ray  10:06 AM\nIt is in the safe.\nThe code is with Cara.\n",
    "ann  [10:04 AM]\nhas anyone seen it?\n\n¦bob  [10:06 AM]\nit is in the safe\n",
    "Ann — Today at 10:04 AM\nhas anyone seen it?\n¦Bob — Today at 10:06 AM\nit is in the safe\n",
    ":param x: the value\n¦:returns: nothing\n",
    "2025-03-07T10:01:02Z ERROR failed to start\njava.lang.StateException: no port\n\tat com.App.start(App.java:42)\n"
    "¦2025-03-07T10:01:03Z INFO bye\n",
    "users:\n¦  - name: ann\n    role: admin\n¦  - name: bob\n    role: guest\n¦description: |\n  It has two users.\n",
]

KINDS = {
    "question": QUESTIONS, "code line": CODE_LINES, "wrapper": WRAPPERS, "short lines": SHORT_LINES,
    "log": LOGS, "chat": CHATS, "transcript": TRANSCRIPTS, "subtitles": SUBTITLES, "fields": FIELDS, "table": TABLES,
    "HTML": HTML, "list": LISTS, "clauses": CLAUSES, "steps": STEPS, "indented": INDENTED, "code": CODE, "diff": DIFFS,
    "YAML": YAML, "false heading": FALSE_HEADINGS, "title": TITLES, "names": NAMES,
    "sentences like code": SENTENCES_LIKE_CODE, "abbreviations": ABBREVIATIONS,
    "emphasis": EMPHASIS, "glued": GLUED, "mail": MAILS,
}  # fmt: skip
# Longer texts of the kinds that retrievers bring, by their names.
LONGER = dict(text.split("\n", 1) for text in read_units())


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_cut_into_the_units_that_a_person_would_point_at(kind: str) -> None:
    for number, case in enumerate(KINDS[kind]):
        check_units(f"{kind} {number}", case)


@pytest.mark.parametrize("name", LONGER)
def test_a_longer_text_is_cut_into_the_units_that_a_person_would_point_at(name: str) -> None:
    check_units(name, LONGER[name])


def check_units(name: str, case: str) -> None:
    expected = [unit for unit in case.split("¦") if unit]
    text = "".join(expected)
    assert [sentence.of(text) for sentence in split_sentences(text)] == expected, name
