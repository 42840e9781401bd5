/** Letters that Unicode does not take apart, although servers that know no accents do. In lower case. */
const PLAIN: Readonly<Record<string, string>> = Object.fromEntries(
  `æ=ae œ=oe þ=th ß=ss ς=σ ĸ=k ƙ=k ⱪ=k ŋ=n ɲ=n ƞ=n ʼ=' ·= ƿ=w ⱳ=w ȝ=y ƴ=y ɏ=y ȣ=ou ø=o ɵ=o ł=l ƚ=l ɫ=l
   ⱡ=l đ=d ð=d ɖ=d ɗ=d ƌ=d ħ=h ⱨ=h ŧ=t ƭ=t ʈ=t ⱦ=t ƀ=b ɓ=b ƃ=b ƈ=c ȼ=c ɇ=e ǝ=e ə=e ɛ=e ƒ=f ǥ=g ɠ=g ı=i
   ɨ=i ɩ=i ȷ=j ɉ=j ɱ=m ƥ=p ᵽ=p ɋ=q ɍ=r ɽ=r ȿ=s ʂ=s ʉ=u ʋ=v ƶ=z ȥ=z ɀ=z ⱬ=z`
    .split(/\s+/)
    .map((pair) => pair.split('=')),
);

const SMALL_KANA = 'ぁぃぅぇぉっゃゅょゎゕゖ';
const LARGE_KANA = 'あいうえおつやゆよわかけ';
const KATAKANA = /[\u30a1-\u30f6]/g;
/** From a letter of katakana to the same one of hiragana. */
const TO_HIRAGANA = -0x60;

const BASES = '0123456789abcdefghijklmnopqrstuvwxyz';
/** Compares by base letters alone (Unicode Technical Standard 10, first level), as databases do that know no accents. */
const collator = new Intl.Collator('en', { sensitivity: 'base' });

/** The digit or letter of ASCII that a character is a kind of: circled, barred, combining, of another script's digits. */
function baseOf(letter: string): string | undefined {
  let from = 0;
  let to = BASES.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const base = BASES[middle] ?? '';
    const order = collator.compare(letter, base);
    if (order === 0) return base;
    if (order < 0) to = middle;
    else from = middle + 1;
  }
  return undefined;
}

const plainLetter = (letter: string): string =>
  PLAIN[letter] ?? LARGE_KANA[SMALL_KANA.indexOf(letter)] ?? baseOf(letter) ?? letter;

function fold(name: string): string {
  return name
    .normalize('NFKD')
    .replaceAll(/[^\0-\x7f]/gu, plainLetter)
    .replaceAll(/[\p{M}\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, '')
    .toUpperCase()
    .toLowerCase()
    .replaceAll(KATAKANA, (letter) => String.fromCodePoint(letter.charCodeAt(0) + TO_HIRAGANA))
    .replaceAll(/[^\0-\x7f]/gu, (letter) => PLAIN[letter] ?? letter)
    .replaceAll(/s+/g, 's');
}

/** Far more than any text needs until folding it again changes nothing. */
const MOST_ROUNDS = 8;

/**
 * The name that an account's failures are counted under. Spellings that some directory, log-in API or database takes for
 * the same name (white space around or inside it, invisible characters, width, case, accents, letters like `ø`, one `s`
 * or two for `ß`, digits and kana of other kinds) share one count, so that no spelling buys new guesses. Two customers
 * whose names differ in nothing else share it, too.
 */
export function throttleName(username: string): string {
  let name = username;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const folded = fold(name);
    if (folded === name) break;
    name = folded;
  }
  return name;
}
