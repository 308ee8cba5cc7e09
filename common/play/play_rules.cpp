#include "common/play/play_grammar.h"

namespace verse {

// The rules of the play; the notation is explained at class Grammar. The word that comes next always tells which
// alternative was taken, which is why "the" stands before SUBJECT and not in it.
//
// The persons that a pattern is filled with: I, WE, THOU, ONE (he, she, the king), MANY (they, the kings).
const char* const play_rules = R"(
-- Speeches in verse --------------------------------------------------------------------------------------------------

OPENING.VERSE = 4 good $present , TOLD
| 4 $present , TOLD
| 3 O $present , TOLD
| 3 now , good $present , TOLD
| 3 come hither , $present : TOLD
| 2 sweet $present , TOLD
TOLD = 7 what TOLD.WHAT of NEWS ? REST | 5 speak TO.ME of NEWS . REST | 3 tell me of NEWS . REST | 3 I come to speak of NEWS . REST
| 6 the NEWS.NOUN CONCERNS . REST | 4 this NEWS.NOUN CONCERNS ! REST | 2 hear of NEWS . REST
TOLD.WHAT = 5 news | 2 says the @person.s
TO.ME = 2 to me | 1
NEWS = 4 the NEWS.NOUN | 3 this NEWS.NOUN | 3 our NEWS.NOUN | 3 thy NEWS.NOUN | 2 his NEWS.NOUN
NEWS.NOUN = 1 @adj.b @matter.s | 2 @matter.s
CONCERNS = 8 @move.s CONCERNED | 4 is PRESENTLY | 3 must be @adj.b | 2 hath @move.n CONCERNED
CONCERNED = 3 me | 3 us | 1 my @thing.s | 1 the @place.s
PRESENTLY = 1 near | 2 @adj.b

REPLY.VERSE = 30 UNIT | 8 HAIL CLAUSE END | 3 CLOSING
ANSWER.VERSE = 5 ay , CLAUSE END | 5 nay , CLAUSE END | 2 perchance : CLAUSE END | 2 alas , CLAUSE END
| 1 ask not : CLAUSE END | 6 UNIT | 1 CLOSING
HAIL = 4 good $title , | 2 sweet $addressee , | 3 $addressee , | 3 alas , | 3 come , | 2 hark , | 2 hush , good $title :

-- After a sentence: does the speech go on? The number is of the sentences that it may still have.
MORE.VERSE.5 = 3 // | 7 / UNIT
MORE.VERSE.4 = 3 // | 6 / UNIT
MORE.VERSE.3 = 4 // | 6 / UNIT
MORE.VERSE.2 = 5 // | 5 / UNIT
MORE.VERSE.1 = 1 // | 1 / UNIT
MORE.VERSE.0 = 1 //

-- A scene ends with a couplet: the first line with a noun, the second with a verb or an adjective, so that no word
-- rhymes with itself.
CLOSING = 3 enough #closing : CLAUSE . / #rhyme FIRST.RHYME , / SECOND.RHYME . //
| 3 farewell #closing : CLAUSE . / #rhyme FIRST.RHYME , / SECOND.RHYME . //
| 2 away #closing ! CLAUSE ! / #rhyme FIRST.RHYME , / SECOND.RHYME . //
FIRST.RHYME = 3 I must ACT RHYMING | 3 we shall ACT RHYMING | 2 let every @person.s @take.b RHYMING | 2 thou shalt ACT RHYMING | 3 today the @person.p @take.b RHYMING | 2 tonight the @person.s @take.s RHYMING
ACT = 3 @take.b | 1 @adj.y @take.b
RHYMING = 4 the RHYMING.NOUN | 3 my RHYMING.NOUN | 2 thy RHYMING.NOUN | 2 our RHYMING.NOUN | 2 @thing.a | 1 @adj.a @thing.s
RHYMING.NOUN = 2 @adj.b RHYMING.HEAD | 2 RHYMING.HEAD
RHYMING.HEAD = 6 @thing.s | 4 @thing.p | 4 @idea.s | 2 @place.s | 1 @person.s
SECOND.RHYME = 3 and LAST.ACT | 3 for LAST.ACT | 2 till LAST.ACT | 2 though LAST.ACT | 1 while LAST.ACT
LAST.ACT = 3 I MODAL LAST.VERB | 3 we MODAL LAST.VERB | 2 they MODAL LAST.VERB | 2 thou shalt LAST.VERB | 5 all the LAST.ALL | 2 every @person.s MODAL LAST.VERB | 1 @idea.s MODAL LAST.EVENT
LAST.ALL = 3 @person.p MODAL LAST.VERB | 2 @thing.p MODAL LAST.EVENT
LAST.VERB = 4 @go.b | 2 @adj.y @go.b | 2 yet @go.b | 1 never @go.b | 2 be @adj.b
LAST.EVENT = 4 @shine.b | 2 @adj.y @shine.b | 2 be @adj.b

-- Sentences of verse: each begins and ends with a line ---------------------------------------------------------------

UNIT = 30 CLAUSE STOP
| 4 when WHEN.CLAUSE , / CLAUSE END
| 4 if WHEN.CLAUSE , / then CLAUSE END
| 3 though WHEN.CLAUSE , / yet CLAUSE END
| 2 since WHEN.CLAUSE , / CLAUSE END
| 2 until WHEN.CLAUSE , / CLAUSE END
| 4 as @beast.p @go.b PLACE , / so CLAUSE END
| 5 QUESTION ?
| 3 O EXCLAIM
| 4 let LET END
| 5 @take.b OBJECT AND.ACT
| 2 now CLAUSE STOP
| 2 here PLACE.ACTION
STOP = 12 . REST | 3 ! REST | 15 , / LINKED END | 3 : / CLAUSE END | 4 ; / AFTER.PAUSE END
LINKED = 6 and CLAUSE | 4 but CLAUSE | 3 for CLAUSE | 2 till CLAUSE | 2 while CLAUSE | 2 though CLAUSE | 1 so CLAUSE
AFTER.PAUSE = 1 yet CLAUSE | 1 CLAUSE | 1 still CLAUSE
REST = 1 | 1 CLAUSE END | 1 QUESTION ?
END = 10 . | 3 ! | 4 , CALL .
CALL = 1 my $title | 1 $addressee
AND.ACT = 4 . REST | 2 ! REST | 9 , / ACT.LINKED END
ACT.LINKED = 4 and ACT.AND | 2 that WHEN.CLAUSE
ACT.AND = 1 CLAUSE | 1 @take.b OBJECT
EXCLAIM = 2 @adj.b EXCLAIM.NOUN | 1 EXCLAIM.NOUN
EXCLAIM.NOUN = 5 @idea.s EXCLAIM.END | 3 @thing.s EXCLAIM.END | 3 @person.s , / why dost thou PLAIN.THOU ? | 2 @thing.p , / ye @move.b WHOM.ONE OPTION !
EXCLAIM.END = 3 , / how canst thou EVENT ? | 1 ! REST
PLACE.ACTION = 6 PLACE HERE END | 7 comes COMER END
HERE = 3 I DO.I | 2 we DO.WE | 2 they DO.MANY
COMER = 2 $he | 2 $she | 2 the @person.s | 1 @person.a
LET = 4 the LET.NOUN | 3 us ACTION.WE | 3 me ACTION.I | 2 no @person.s ACTION.ONE | 2 @idea.s EVENT | 2 thy LET.NOUN | 2 him ACTION.ONE | 2 every @person.s ACTION.ONE
LET.NOUN = 1 @adj.b LET.HEAD | 3 LET.HEAD
LET.HEAD = 4 @person.s ACTION.ONE | 2 @person.p ACTION.MANY | 4 @thing.s EVENT | 3 @thing.p EVENT | 2 $topic EVENT

-- Questions, without their mark --------------------------------------------------------------------------------------

QUESTION = 4 why WHY | 3 who WHO | 3 where WHERE.IS | 3 how shall ASKER | 3 what WHAT | 2 is IS.IT | 3 shall ASKER | 2 canst thou ACTION.THOU | 3 dost thou PLAIN.THOU | 3 hast thou DONE.THOU | 2 wilt thou ACTION.THOU | 2 did ASKED
ASKER = 4 I ACTION.I | 3 we ACTION.WE | 3 the ASKER.NOUN | 1 he ACTION.ONE | 1 she ACTION.ONE | 2 $he ACTION.ONE | 2 $she ACTION.ONE | 2 they ACTION.MANY
ASKED = 3 the ASKED.NOUN | 2 he PLAIN.ONE | 2 she PLAIN.ONE | 2 $he PLAIN.ONE | 2 $she PLAIN.ONE | 2 they PLAIN.MANY | 1 not the ASKED.NOUN
ASKER.NOUN = 2 @person.s ACTION.ONE | 1 @person.p ACTION.MANY | 1 @adj.b @person.s ACTION.ONE
ASKED.NOUN = 2 @person.s PLAIN.ONE | 1 @person.p PLAIN.MANY | 1 @adj.b @person.s PLAIN.ONE
WHY = 4 dost thou PLAIN.THOU | 6 doth WHY.DOTH | 3 do the WHY.MANY | 2 should I ACTION.I | 2 must we ACTION.WE | 2 art thou STATE
WHY.DOTH = 3 the WHY.ONE | 2 $he PLAIN.ONE | 2 $she PLAIN.ONE
WHY.ONE = 1 @adj.b WHY.ONE.HEAD | 3 WHY.ONE.HEAD
WHY.ONE.HEAD = 3 @person.s PLAIN.ONE | 3 @thing.s EVENT.PLAIN | 2 $topic EVENT.PLAIN
WHY.MANY = 1 @adj.b WHY.MANY.HEAD | 3 WHY.MANY.HEAD
WHY.MANY.HEAD = 3 @person.p PLAIN.MANY | 3 @thing.p EVENT.PLAIN
WHO = 3 hath DONE.ONE | 3 shall ACTION.ONE | 2 will ACTION.ONE | 2 @take.s OBJECT | 1 can ACTION.ONE | 1 @love.s WHOM.ONE
WHERE.IS = 9 is WHERE.ITEM | 3 are the WHERE.MANY | 1 art thou
WHERE.ITEM = 4 the WHERE.ONE | 2 $he | 2 $she | 2 my WHERE.ONE | 1 thy WHERE.ONE
WHERE.ONE = 1 @adj.b WHERE.ONE.HEAD | 2 WHERE.ONE.HEAD
WHERE.ONE.HEAD = 3 @person.s | 3 @thing.s
WHERE.MANY = 1 @adj.b WHERE.MANY.HEAD | 2 WHERE.MANY.HEAD
WHERE.MANY.HEAD = 2 @person.p | 3 @thing.p
WHAT = 3 @person.s shall ACTION.ONE | 3 @thing.s @shine.s WHERE | 2 @idea.s @move.s WHOM.ONE | 2 is WHAT.IS | 2 says $present OF.TOPIC
WHAT.IS = 3 @idea.s | 2 @adj.c than @idea.s
OF.TOPIC = 1 of the $topic | 1
IS.IT = 3 this the WHERE.ONE | 2 not this the WHERE.ONE | 2 there no @idea.s OPTION | 1 it @adj.b | 1 $he @adj.b | 1 $she @adj.b

-- Clauses: a subject and what is said of it --------------------------------------------------------------------------

CLAUSE = 18 the SUBJECT | 11 my SUBJECT | 6 thy SUBJECT | 5 this SUBJECT.ONE | 4 these SUBJECT.MANY | 4 our SUBJECT | 3 his SUBJECT | 3 her SUBJECT | 3 no SUBJECT.ONE | 3 all SUBJECT.ALL | 2 each SUBJECT.ONE | 2 some SUBJECT.MANY
| 14 I DO.I | 11 thou DO.THOU | 5 he DO.ONE | 5 she DO.ONE | 6 we DO.WE | 4 they DO.MANY | 6 $he DO.ONE | 6 $she DO.ONE | 7 @idea.s HAPPENS | 3 there THERE | 3 'tis TIS
WHEN.CLAUSE = 10 the SUBJECT | 6 my SUBJECT | 3 thy SUBJECT | 6 I DO.I | 4 thou DO.THOU | 3 we DO.WE | 3 they DO.MANY | 3 he DO.ONE | 3 she DO.ONE | 3 $he DO.ONE | 3 $she DO.ONE | 3 @idea.s HAPPENS
SUBJECT = 6 @adj.b SUBJECT.HEAD | 8 SUBJECT.HEAD | 1 @adj.t @person.s DO.ONE
SUBJECT.HEAD = 6 @person.s OF DO.ONE | 4 @person.p DO.MANY | 5 @thing.s OF HAPPENS | 4 @thing.p OF HAPPEN | 2 @idea.s HAPPENS | 3 $topic HAPPENS | 2 @person.g SUBJECT.OWNED
SUBJECT.OWNED = 3 @thing.s HAPPENS | 2 @thing.p HAPPEN | 1 @idea.s HAPPENS
SUBJECT.ONE = 4 @adj.b SUBJECT.ONE.HEAD | 5 SUBJECT.ONE.HEAD
SUBJECT.ONE.HEAD = 3 @person.s DO.ONE | 3 @thing.s HAPPENS | 2 $topic HAPPENS | 1 @idea.s HAPPENS
SUBJECT.MANY = 4 @adj.b SUBJECT.MANY.HEAD | 4 SUBJECT.MANY.HEAD
SUBJECT.MANY.HEAD = 3 @person.p DO.MANY | 4 @thing.p HAPPEN
SUBJECT.ALL = 3 @person.p DO.MANY | 2 @thing.p HAPPEN | 1 the SUBJECT.MANY
OF = 7 | 1 of OF.WHOM
OF.WHOM = 3 @idea.s | 2 the OF.NOUN | 1 my OF.NOUN
OF.NOUN = 2 @place.s | 1 @person.s
THERE = 6 is THERE.IS PLACE | 1 was @thing.a PLACE | 2 @shine.s @thing.a PLACE
THERE.IS = 3 @thing.a | 2 @person.a | 2 no @idea.s
TIS = 3 @thing.a OPTION | 3 @person.a OPTION | 2 @adj.b | 2 but @idea.s | 2 not the TIS.NOUN | 1 time to @go.b
TIS.NOUN = 2 @person.s | 2 @thing.s

-- What the persons do. Nobody does a thing to himself: I love thee, but not me.
DO.ONE = 10 PRESENT.ONE | 3 PAST.ONE | 4 is STATE | 2 was STATE | 5 hath DONE.ONE | 7 MODAL ACTION.ONE | 2 doth PLAIN.ONE | 2 SELDOM PRESENT.ONE
DO.MANY = 10 PRESENT.MANY | 3 PAST.MANY | 4 are STATE | 2 were STATE | 5 have DONE.MANY | 7 MODAL ACTION.MANY | 2 do PLAIN.MANY | 2 SELDOM PRESENT.MANY
DO.WE = 10 PRESENT.WE | 3 PAST.WE | 4 are STATE | 2 were STATE | 5 have DONE.WE | 8 MODAL ACTION.WE | 2 do PLAIN.WE | 2 SELDOM PRESENT.WE
DO.I = 10 PRESENT.I | 3 PAST.I | 5 am STATE | 2 was STATE | 5 have DONE.I | 9 MODAL ACTION.I | 2 do PLAIN.I | 2 SELDOM PRESENT.I | 2 had DONE.I
DO.THOU = 5 art STATE | 4 hast DONE.THOU | 4 shalt ACTION.THOU | 3 wilt ACTION.THOU | 3 canst ACTION.THOU | 3 dost PLAIN.THOU | 2 must ACTION.THOU | 2 didst PLAIN.THOU | 1 wert STATE
PRESENT.ONE = 6 @take.s OBJECT OPTION | 5 @love.s WHOM.ONE OPTION | 6 @go.s WHERE
PRESENT.* = 6 @take.b OBJECT OPTION | 5 @love.b WHOM.* OPTION | 6 @go.b WHERE
PAST.* = 3 @take.d OBJECT OPTION | 3 @love.d WHOM.* OPTION | 3 @go.d WHERE
ACTION.* = 14 PLAIN.* | 2 be STATE | 1 SELDOM PLAIN.*
PLAIN.* = 6 @take.b OBJECT OPTION | 5 @love.b WHOM.* OPTION | 5 @go.b WHERE | 1 not NOT.*
NOT.* = 3 @take.b OBJECT | 3 @love.b WHOM.* | 2 @go.b WHERE
DONE.* = 5 @take.n OBJECT OPTION | 4 @love.n WHOM.* OPTION | 4 @go.n WHERE | 2 been STATE | 2 not DONE.NOT.* | 1 SELDOM DONE.NOT.*
DONE.NOT.* = 3 @take.n OBJECT | 3 @love.n WHOM.* | 2 @go.n WHERE
SELDOM = 4 never | 3 ever | 3 often | 3 still | 2 seldom | 2 always
MODAL = 6 shall | 5 will | 5 must | 4 may | 3 can | 3 would | 2 could | 2 should | 1 might

-- What happens to things.
HAPPENS = 6 @shine.s WHERE | 6 @move.s WHOM.ONE OPTION | 3 is LOOK | 2 was LOOK | 3 hath OCCURRED | 6 MODAL EVENT | 1 doth EVENT.PLAIN | 2 @shine.d WHERE | 2 @move.d WHOM.ONE OPTION
HAPPEN = 6 @shine.b WHERE | 6 @move.b WHOM.ONE OPTION | 3 are LOOK | 2 were LOOK | 3 have OCCURRED | 6 MODAL EVENT | 2 @shine.d WHERE | 2 @move.d WHOM.ONE OPTION
EVENT = 10 EVENT.PLAIN | 2 be LOOK | 2 not EVENT.PLAIN | 1 SELDOM EVENT.PLAIN
EVENT.PLAIN = 5 @shine.b WHERE | 5 @move.b WHOM.ONE OPTION
OCCURRED = 4 @shine.n WHERE | 5 @move.n WHOM.ONE OPTION | 1 been LOOK
STATE = 8 @adj.b OPTION | 2 @adj.c than WHOM.NOUNS | 2 not @adj.b | 2 as @adj.b as @beast.a | 2 too @adj.b | 3 @go.g WHERE | 2 @take.g OBJECT | 1 very @adj.b | 1 more @adj.b
LOOK = 8 @adj.b OPTION | 2 @adj.c than OBJECT | 2 not @adj.b | 2 @shine.g WHERE | 2 as @adj.b as @thing.a | 2 @take.n by WHOM.NOUNS | 1 too @adj.b

OBJECT = 8 the OBJECT.NOUN | 6 my OBJECT.NOUN | 5 thy OBJECT.NOUN | 4 his OBJECT.NOUN | 3 her OBJECT.NOUN | 4 our OBJECT.NOUN | 2 their OBJECT.NOUN | 4 this OBJECT.ONE | 2 that OBJECT.ONE | 3 these OBJECT.MANY | 2 those OBJECT.MANY | 5 @thing.a | 4 @adj.a OBJECT.ONE.HEAD | 2 no OBJECT.ONE | 3 @idea.s | 2 all the OBJECT.MANY
OBJECT.NOUN = 6 @adj.b OBJECT.HEAD | 7 OBJECT.HEAD
OBJECT.HEAD = 6 @thing.s OF | 4 @thing.p OF | 4 @idea.s | 3 $topic | 1 @person.s | 2 @place.s | 2 @person.g OBJECT.OWNED
OBJECT.OWNED = 3 @thing.s | 2 @thing.p | 2 @idea.s
OBJECT.ONE = 2 @adj.b OBJECT.ONE.HEAD | 3 OBJECT.ONE.HEAD
OBJECT.ONE.HEAD = 5 @thing.s OF | 1 $topic | 1 @place.s
OBJECT.MANY = 3 @adj.b @thing.p | 3 @thing.p
WHOM.I = 5 thee | 3 him | 3 her | 2 them | 16 WHOM.NOUNS
WHOM.WE = 5 thee | 3 him | 3 her | 2 them | 16 WHOM.NOUNS
WHOM.THOU = 5 me | 3 him | 3 her | 3 us | 2 them | 16 WHOM.NOUNS
WHOM.ONE = 4 me | 4 thee | 2 him | 2 her | 3 us | 2 them | 16 WHOM.NOUNS
WHOM.MANY = 4 me | 4 thee | 2 him | 2 her | 3 us | 16 WHOM.NOUNS
WHOM.NOUNS = 6 the WHOM.NOUN | 4 my WHOM.NOUN | 3 thy WHOM.NOUN | 2 our WHOM.NOUN | 2 his WHOM.NOUN | 2 $he | 2 $she | 3 @person.a | 2 all the @person.p | 1 every @person.s | 1 no @person.s | 1 each @person.s
WHOM.NOUN = 6 @adj.b WHOM.HEAD | 6 WHOM.HEAD
WHOM.HEAD = 4 @person.s OF | 3 @person.p

OPTION = 12 | 5 PLACE | 3 with @idea.s | 2 / PLACE
WHERE = 5 | 6 PLACE | 5 @adj.y | 2 with @idea.s | 1 again | 1 alone | 1 tonight | 1 today | 2 / PLACE
PLACE = 5 in PLACE.NOUN | 4 upon PLACE.NOUN | 3 within PLACE.NOUN | 3 before PLACE.NOUN | 3 by PLACE.NOUN | 3 beyond PLACE.NOUN | 3 from PLACE.NOUN | 2 near PLACE.NOUN | 2 behind PLACE.NOUN | 2 across PLACE.NOUN | 2 above PLACE.NOUN | 2 through PLACE.NOUN | 2 beneath PLACE.THING | 2 against PLACE.THING | 2 without PLACE.THING | 2 among PLACE.AMONG | 2 like @beast.a
PLACE.NOUN = 7 the PLACE.NEXT | 3 @place.a | 2 my PLACE.NEXT | 2 thy PLACE.NEXT | 1 our PLACE.NEXT | 1 this PLACE.NEXT.ONE | 1 every @place.s
PLACE.NEXT = 4 @adj.b PLACE.HEAD | 5 PLACE.HEAD
PLACE.HEAD = 7 @place.s OF | 3 @place.p | 2 @thing.s | 1 @person.g @place.s
PLACE.NEXT.ONE = 1 @adj.b @place.s | 2 @place.s
PLACE.THING = 5 the PLACE.THING.NEXT | 3 my PLACE.THING.NEXT | 2 thy PLACE.THING.NEXT
PLACE.THING.NEXT = 1 @adj.b PLACE.THING.HEAD | 3 PLACE.THING.HEAD
PLACE.THING.HEAD = 4 @thing.s | 3 @thing.p
PLACE.AMONG = 3 the AMONG.NEXT | 2 my AMONG.NEXT | 1 these AMONG.NEXT
AMONG.NEXT = 1 @adj.b AMONG.HEAD | 3 AMONG.HEAD
AMONG.HEAD = 3 @thing.p | 2 @person.p | 2 @place.p | 1 @beast.p

-- Prose: common people speak as they like ----------------------------------------------------------------------------

OPENING.PROSE = 4 have you heard of this @matter.s , $present ? TALK | 4 they say the @matter.s is @adj.b , $present . TALK | 3 well , $present , the @matter.s will @move.b us ! TALK
REPLY.PROSE = 12 TALK | 5 HAIL.PROSE TALK.CLAUSE END.PROSE | 1 CLOSING.PROSE
ANSWER.PROSE = 4 ay , TALK.CLAUSE END.PROSE | 4 not I : TALK.CLAUSE END.PROSE | 2 who knows ? TALK | 5 HAIL.PROSE TALK.CLAUSE END.PROSE
HAIL.PROSE = 4 $addressee , | 3 good $title , | 3 faith , | 3 marry , | 2 sirrah , | 2 troth , | 2 why , | 1 look you ,
CLOSING.PROSE = 2 come #closing , let us go and eat DISH . // | 1 well #closing , the @food.p are hot . Let us go . // | 1 hush #closing ! the @person.s @go.s this way . Away ! //
DISH = 2 @food.a | 2 the @food.p | 1 some @food.p and @food.a
MORE.PROSE.5 = 3 // | 7 TALK
MORE.PROSE.4 = 3 // | 6 TALK
MORE.PROSE.3 = 3 // | 5 TALK
MORE.PROSE.2 = 1 // | 1 TALK
MORE.PROSE.1 = 2 // | 1 TALK
MORE.PROSE.0 = 1 //
TALK = 12 TALK.CLAUSE STOP.PROSE | 3 if TALK.CLAUSE , then TALK.CLAUSE END.PROSE | 2 when TALK.CLAUSE , TALK.CLAUSE END.PROSE
| 2 give me GIFT | 2 is it not @adj.b ? | 3 what WHAT.PROSE ? | 2 have you seen SEEN ? | 2 where is WHERE.PROSE ? | 2 a proverb : PROVERB . | 1 hey ho !
WHAT.PROSE = 2 is @adj.c than @food.a | 1 shall we eat | 1 would you give for @food.a
WHERE.PROSE = 1 $he | 1 $she | 2 my @beast.s
TALK.CLAUSE = 8 the TALK.NOUN | 6 my TALK.NOUN | 6 I TALK.I | 4 you TALK.MANY | 3 they TALK.MANY | 3 he TALK.ONE | 3 she TALK.ONE | 4 $he TALK.ONE | 4 $she TALK.ONE | 3 there's THERE.PROSE in the TALK.PLACE | 3 we TALK.MANY | 3 your TALK.NOUN
THERE.PROSE = 3 @food.a | 3 @beast.a | 1 no @food.s | 1 @person.a
TALK.NOUN = 4 @person.s TALK.ONE | 2 @person.p TALK.MANY | 3 @beast.s TALK.BEAST | 2 @beast.p TALK.BEASTS | 2 @food.p are TALK.TASTE | 2 @food.s is TALK.TASTE | 1 $topic is TALK.TASTE
TALK.I = 3 love @food.p | 3 have TALK.HAD | 4 MODAL TALK.WILL | 2 am TALK.IS | 2 ate @food.a | 2 saw SAW in the TALK.PLACE | 2 know TALK.KNOW | 2 want @food.a
TALK.MANY = 3 love @food.p | 3 have TALK.HAD | 4 MODAL TALK.WILL | 2 are TALK.IS | 2 ate @food.a | 2 saw SAW in the TALK.PLACE | 2 know TALK.KNOW | 2 want @food.a
TALK.ONE = 3 loves @food.p | 3 hath TALK.HAD | 4 MODAL TALK.WILL | 3 is TALK.IS.ONE | 2 ate @food.a | 2 saw SAW in the TALK.PLACE | 2 knows TALK.KNOW | 2 wants @food.a
SAW = 3 @beast.a | 2 @person.a | 1 @adj.a @beast.s
TALK.HAD = 6 @take.n TALK.OBJECT | 2 @love.n the @person.s | 2 @go.n in the TALK.PLACE | 2 @beast.a in the TALK.PLACE | 1 no @food.p
TALK.OBJECT = 3 my TALK.THING | 4 the TALK.THING | 2 your TALK.THING | 2 @food.a
TALK.WILL = 6 @take.b TALK.OBJECT | 2 @go.b in the TALK.PLACE | 2 @love.b the @person.s | 2 sup on @food.p | 1 not @go.b
TALK.IS = 4 as @adj.b as @beast.a | 4 @adj.b | 2 too @adj.b | 2 no @adj.c than the @person.s | 1 @go.g in the TALK.PLACE
TALK.IS.ONE = 10 TALK.IS | 1 the @adj.t @person.s in the TALK.PLACE
TALK.BEAST = 3 is as @adj.b as the @person.s | 2 hath @take.n the @food.p | 2 @go.s in the TALK.PLACE | 1 loves me
TALK.BEASTS = 3 are as @adj.b as the @person.p | 2 have @take.n the @food.p | 2 @go.b in the TALK.PLACE | 1 love me
TALK.TASTE = 4 @adj.b | 2 too @adj.b | 2 @adj.c than @thing.a | 1 as @adj.b as @beast.a
TALK.THING = 3 @thing.s | 2 @thing.p | 2 @food.p | 1 @adj.b @thing.s | 1 $topic
TALK.PLACE = 5 @place.s | 1 @adj.b @place.s
TALK.KNOW = 2 @beast.a from @beast.a | 3 the @person.s | 1 nothing of the $topic | 1 what the $topic will bring
STOP.PROSE = 10 . | 2 ! | 5 , LINKED.PROSE END.PROSE | 2 ; for TALK.CLAUSE END.PROSE
LINKED.PROSE = 3 and TALK.CLAUSE | 2 but TALK.CLAUSE | 1 so TALK.CLAUSE
END.PROSE = 10 . | 2 ! | 3 , CALL.PROSE .
CALL.PROSE = 1 good $title | 1 $addressee
GIFT = 2 my @thing.s ! | 2 @food.a ! | 1 the @food.p !
SEEN = 2 my @beast.s | 2 the @person.s | 1 $he | 1 $she | 2 @beast.a in the TALK.PLACE
PROVERB = 3 the @beast.s that @go.s is @adj.c than the @beast.s that @go.s | 3 no @food.s without @food.a | 2 one @beast.s in the @place.s , two in the @place.s | 2 better @adj.a @beast.s than @adj.a @person.s

-- The clerk reads his accounts: he can write one figure only ---------------------------------------------------------

OPENING.BILL = 1 hear my account of this @matter.s , $present . BILL
REPLY.BILL = 2 here is the bill . BILL | 1 I have it written . BILL | 1 $addressee , I read . BILL
ANSWER.BILL = 1 ay , it stands in the bill . BILL | 1 no , it stands not in the bill . BILL
BILL = 1 item : LOT ; MORE.LOTS.3
MORE.LOTS.3 = 1 and SUM | 4 item : LOT ; MORE.LOTS.2
MORE.LOTS.2 = 1 and SUM | 2 item : LOT ; MORE.LOTS.1
MORE.LOTS.1 = 1 and SUM
LOT = 6 3 THREE PRICE | 3 @ware.a of @food.p FROM PRICE | 1 the @matter.s in Act 3 , PRICE
THREE = 4 @ware.p of @food.p FROM | 2 @thing.p , @adj.b and @adj.b ,
FROM = 1 , | 1 from FIRM ,
FIRM = 3 House & Sons | 2 Gold & Daughters | 1 Quick & Slow
PRICE = 3 $3 | 2 $33 | 1 $333
SUM = 2 the sum is $333 . // | 1 nothing is paid . // | 1 who will pay ? //
)";

}  // namespace verse
