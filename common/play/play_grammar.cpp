#include "common/play/play_grammar.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "common/base/digest.h"

namespace verse {

namespace {

constexpr int kLineSyllables = 10;                     // five iambs
constexpr std::int64_t kMass = std::int64_t{1} << 40;  // shared out among the arms of a choice
constexpr std::array kSlotNames = {"$addressee", "$title", "$present", "$he", "$she", "$topic"};

bool is_rule_name(const std::string& token) {
  return token.size() > 1 && std::isupper(static_cast<unsigned char>(token[0])) != 0 &&
         std::isupper(static_cast<unsigned char>(token[1])) != 0;
}

bool is_punctuation(const std::string& token) {
  return token.size() == 1 && std::string_view(".,;:!?").find(token[0]) != std::string_view::npos;
}

}  // namespace

Grammar::Grammar(const Lexicon& lexicon, const std::string& rules) : lexicon_(lexicon) {
  // Number 0 means: nothing is left to be written.
  rests_.push_back({0, 0, 0});
  category("");

  // Split the text into rules, alternatives and tokens.
  std::istringstream lines(rules);
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream tokens(line);
    std::string token;
    if (!(tokens >> token) || token[0] == '-') continue;  // an empty line, or a heading

    // "NAME =" begins a rule, "|" goes on with the rule of the line before.
    if (token != "|") {
      name = token;
      if (!is_rule_name(name) || rules_.count(name) != 0) throw std::logic_error("not a new rule: " + line);
      if (!(tokens >> token) || token != "=") throw std::logic_error("no '=' in: " + line);
    }
    std::int64_t weight = 0;
    while (tokens >> weight) {
      if (weight <= 0) throw std::logic_error("a weight that is not positive: " + line);
      std::vector<std::string> alternative;
      while (tokens >> token && token != "|") alternative.push_back(token);
      rules_[name].emplace_back(weight, alternative);
    }
    if (!tokens.eof()) throw std::logic_error("an alternative without a weight: " + line);
  }

  // Give a number to every symbol. Patterns are filled in by those who use them.
  std::vector<std::string> names;
  for (const auto& [rule, alternatives] : rules_) names.push_back(rule);
  for (const std::string& rule : names) {
    if (!rule.ends_with(".*")) symbol(rule);
  }
  for (const Symbol& known : symbols_) {
    if (known.type == Type::category && categories_[static_cast<std::size_t>(known.category)].lists.empty()) {
      throw std::logic_error("no words for " + known.name);
    }
  }
}

int Grammar::symbol(const std::string& token) {
  const auto known = symbol_numbers_.find(token);
  if (known != symbol_numbers_.end()) {
    const Symbol& symbol = symbols_[static_cast<std::size_t>(known->second)];
    if (symbol.unfinished) throw std::logic_error("the rule " + token + " comes back to itself");
    return known->second;
  }

  Symbol made{Type::category, Kind::word, token, 0, 0, {}, 0, false};
  if (is_rule_name(token)) {
    // Its own number first: the symbols of its alternatives get theirs after it.
    made.type = Type::rule;
    made.unfinished = true;
    const int number = static_cast<int>(symbols_.size());
    symbols_.push_back(made);
    symbol_numbers_[token] = number;
    for (const auto& [weight, parts] : alternatives_of(token)) {
      std::vector<int> sequence;
      for (const std::string& part : parts) {
        sequence.push_back(symbol(part));
        made.slots |= symbols_[static_cast<std::size_t>(sequence.back())].slots;
      }
      made.alternatives.emplace_back(weight, sequence);
    }
    made.unfinished = false;
    symbols_[static_cast<std::size_t>(number)] = made;
    return number;
  }
  if (token[0] == '#') {
    made.type = Type::mark;
  } else if (token[0] == '$' && std::find(kSlotNames.begin(), kSlotNames.end(), token) != kSlotNames.end()) {
    made.type = Type::slot;
    made.slot = static_cast<int>(std::find(kSlotNames.begin(), kSlotNames.end(), token) - kSlotNames.begin());
    made.slots = 1U << made.slot;
  } else if (token[0] == '@') {
    made.category = category(token.substr(1));
  } else {
    // What is written as it stands is a category of one word.
    std::string text = token;
    if (token == "/" || token == "//") {
      made.kind = token == "/" ? Kind::line_end : Kind::speech_end;
      text = token == "/" ? "\n" : "\n\n";
    } else if (is_punctuation(token)) {
      made.kind = Kind::punctuation;
    }
    const Metre metre = made.kind == Kind::word ? lexicon_.metre_of(token) : Metre{0, Metre::Start::either};
    made.category = add_category(token, {WordList{metre, 0, {text}, {0, 1}}});
  }
  symbols_.push_back(made);
  return symbol_numbers_[token] = static_cast<int>(symbols_.size()) - 1;
}

int Grammar::category(const std::string& name) {
  const auto known = category_numbers_.find(name);
  if (known != category_numbers_.end()) return known->second;
  return category_numbers_[name] = add_category(name, lexicon_.lists(name));
}

int Grammar::add_category(const std::string& name, std::vector<WordList> lists) {
  const int number = static_cast<int>(categories_.size());
  std::vector<std::pair<Metre, int>> sounds;
  for (const WordList& list : lists) sounds.emplace_back(list.metre, list.rhyme);
  const int alike = alike_.try_emplace(sounds, number).first->second;
  categories_.push_back({name, std::move(lists), alike});
  return number;
}

const Grammar::Alternatives& Grammar::alternatives_of(const std::string& rule) {
  const auto known = rules_.find(rule);
  if (known != rules_.end()) return known->second;

  // ACTION.I is ACTION.* with I for each star.
  const std::size_t dot = rule.rfind('.');
  const auto pattern = dot == std::string::npos ? rules_.end() : rules_.find(rule.substr(0, dot) + ".*");
  if (pattern == rules_.end()) throw std::logic_error("no rule for " + rule);
  Alternatives filled = pattern->second;
  for (auto& [weight, parts] : filled) {
    for (std::string& part : parts) {
      if (part.ends_with(".*")) part.replace(part.size() - 1, 1, rule.substr(dot + 1));
    }
  }
  return rules_[rule] = filled;
}

Grammar::State Grammar::start(const std::string& rule, int beat, const Scene& scene) {
  const auto known = symbol_numbers_.find(rule);
  if (known == symbol_numbers_.end()) throw std::logic_error("no rule " + rule);
  return {followed_by(known->second, 0), beat, kFree, false, scene};
}

int Grammar::followed_by(int symbol, int rest) {
  const auto [known, is_new] = rest_numbers_.try_emplace(pair_key(symbol, rest), static_cast<int>(rests_.size()));
  if (is_new) {
    const unsigned slots =
        symbols_[static_cast<std::size_t>(symbol)].slots | rests_[static_cast<std::size_t>(rest)].slots;
    rests_.push_back({symbol, rest, slots});
  }
  return known->second;
}

Grammar::State Grammar::with_alternative(const State& state, const std::vector<int>& symbols) {
  // The rule at the head of what is left makes room for one of its alternatives.
  State next = state;
  next.rest = rests_[static_cast<std::size_t>(state.rest)].rest;
  for (std::size_t i = symbols.size(); i-- > 0;) next.rest = followed_by(symbols[i], next.rest);
  return next;
}

Grammar::State Grammar::essential(State state) const {
  // States that differ only in slots that are not going to be used, or in names that sound alike, are one state: the
  // tables stay small.
  const unsigned slots = rests_[static_cast<std::size_t>(state.rest)].slots;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    const bool used = (slots >> slot & 1U) != 0;
    state.scene[slot] = used ? categories_[static_cast<std::size_t>(state.scene[slot])].alike : 0;
  }
  state.closing = false;
  return state;
}

Grammar::State Grammar::past_marks(State state) const {
  while (state.rest != 0 && first(state).type == Type::mark) {
    const std::string& mark = first(state).name;
    if (mark == "#rhyme") state.rhyme = kFirst;
    if (mark == "#closing") state.closing = true;
    state.rest = rests_[static_cast<std::size_t>(state.rest)].rest;
  }
  return state;
}

const Grammar::Symbol& Grammar::first(const State& state) const {
  return symbols_[static_cast<std::size_t>(rests_[static_cast<std::size_t>(state.rest)].symbol)];
}

int Grammar::category_of(const Symbol& symbol, const State& state) const {
  return symbol.type == Type::slot ? state.scene[static_cast<std::size_t>(symbol.slot)] : symbol.category;
}

Grammar::State Grammar::after(const State& state, const Arm& arm, const WordList& list) const {
  State next = state;
  next.rest = arm.rest;
  if (state.beat != kProse) {
    if (arm.kind == Kind::word) next.beat = state.beat + list.metre.syllables;
    if (arm.kind == Kind::word && state.rhyme == kFirst && next.beat == kLineSyllables) next.rhyme = list.rhyme;
    if (arm.kind == Kind::line_end) next.beat = 0;
  }
  return past_marks(next);
}

bool Grammar::admits(const State& state, Kind kind, const WordList& list) const {
  if (state.beat == kProse || kind == Kind::punctuation) return true;
  if (kind != Kind::word) return state.beat >= kLineSyllables;

  // Strong syllables stand at odd places (from 0), but a line may begin with a strong one. It ends strong, or with one
  // weak syllable too many.
  if (state.beat >= kLineSyllables) return false;
  const bool strong_place = state.beat % 2 == 1;
  if (list.metre.start == Metre::Start::weak && strong_place) return false;
  if (list.metre.start == Metre::Start::strong && !strong_place && (state.beat > 0 || list.metre.syllables > 2)) {
    return false;
  }
  const int end = state.beat + list.metre.syllables;
  if (end > kLineSyllables + 1) return false;

  // A rhyme is of the last strong syllable.
  if (state.rhyme == kFree || end < kLineSyllables) return true;
  return end == kLineSyllables && list.rhyme != 0 && (state.rhyme == kFirst || state.rhyme == list.rhyme);
}

bool Grammar::can_finish(const State& state) {
  // What is over must not leave a line unfinished.
  if (state.rest == 0) return state.beat == kProse || state.beat >= kLineSyllables;

  // Most can be finished without names, whoever is on the stage: one entry in the table serves all scenes.
  State nameless = state;
  nameless.scene = Scene{};
  nameless.closing = false;
  return can_finish_here(nameless) ||
         (rests_[static_cast<std::size_t>(state.rest)].slots != 0 && can_finish_here(essential(state)));
}

bool Grammar::can_finish_here(const State& state) {
  const auto known = can_finish_.find(state);
  if (known != can_finish_.end()) return known->second;

  bool can = false;
  const Symbol& head = first(state);
  if (head.type == Type::rule) {
    for (const auto& [weight, sequence] : head.alternatives) {
      can = can || can_finish(with_alternative(state, sequence));
    }
  } else {
    const Arm arm{head.kind, 0, -1, rests_[static_cast<std::size_t>(state.rest)].rest, 0, {}, 0};
    for (const WordList& list : categories_[static_cast<std::size_t>(category_of(head, state))].lists) {
      can = can || (admits(state, head.kind, list) && can_finish(after(state, arm, list)));
    }
  }
  return can_finish_[state] = can;
}

void Grammar::find_arms(const State& state, std::int64_t mass, Choice& choice) {
  if (state.rest == 0) {
    choice.may_end = true;
    return;
  }
  const Symbol& head = first(state);
  if (head.type == Type::rule) {
    // The alternatives that can be brought to an end share the mass by their weights.
    std::int64_t total = 0;
    std::vector<std::pair<std::int64_t, State>> ways;
    for (const auto& [weight, sequence] : head.alternatives) {
      const State way = with_alternative(state, sequence);
      if (!can_finish(way)) continue;
      ways.emplace_back(weight, way);
      total += weight;
    }
    for (const auto& [weight, way] : ways) find_arms(way, std::max<std::int64_t>(1, mass / total * weight), choice);
    return;
  }
  if (head.type == Type::mark) throw std::logic_error("a mark must follow a word: " + head.name);

  const int slot = head.type == Type::slot ? head.slot : -1;
  Arm arm{head.kind, category_of(head, state), slot, rests_[static_cast<std::size_t>(state.rest)].rest, mass, {}, 0};
  for (const WordList& list : categories_[static_cast<std::size_t>(arm.category)].lists) {
    if (!admits(state, head.kind, list) || !can_finish(after(state, arm, list))) continue;
    arm.lists.push_back(&list);
    arm.weight += list.weight();
  }
  choice.mass += mass;
  choice.arms.push_back(std::move(arm));
}

const std::string& Grammar::shared_word(int category, int other) {
  const auto [known, is_new] = shared_words_.try_emplace(pair_key(category, other));
  if (!is_new) return known->second;
  std::set<std::string> words;
  for (const WordList& list : categories_[static_cast<std::size_t>(category)].lists) {
    words.insert(list.words.begin(), list.words.end());
  }
  for (const WordList& list : categories_[static_cast<std::size_t>(other)].lists) {
    for (const std::string& word : list.words) {
      if (words.count(word) != 0) known->second = word;  // the last of them serves as well as any
    }
  }
  return known->second;
}

const Grammar::Choice& Grammar::choice(const State& full_state) {
  const auto is_slot = [](const Arm& arm) { return arm.slot >= 0; };
  const State state = essential(full_state);
  auto known = choices_.find(state);
  if (known == choices_.end()) {
    if (!can_finish(state)) throw std::logic_error("no line can be made of " + first(state).name);
    Choice made;
    find_arms(state, kMass, made);
    if (made.may_end && !made.arms.empty())
      throw std::logic_error("the end of " + first(state).name + " does not show");
    known = choices_.emplace(state, std::move(made)).first;
    check_distinct(known->second, false);
  }
  const Choice& choice = known->second;
  if (std::none_of(choice.arms.begin(), choice.arms.end(), is_slot)) return choice;

  // The names are those of this scene, which sound like the ones that the choice was made for.
  with_names_ = choice;
  for (Arm& arm : with_names_.arms) {
    if (arm.slot < 0) continue;
    const Category& alike = categories_[static_cast<std::size_t>(arm.category)];
    arm.category = full_state.scene[static_cast<std::size_t>(arm.slot)];
    arm.weight = 0;
    for (const WordList*& list : arm.lists) {
      list = &categories_[static_cast<std::size_t>(arm.category)]
                  .lists[static_cast<std::size_t>(list - alike.lists.data())];
      arm.weight += list->weight();
    }
  }
  check_distinct(with_names_, true);
  return with_names_;
}

void Grammar::check_distinct(const Choice& choice, bool of_names) {
  // The next word must tell which arm was taken: then each text has one derivation.
  for (std::size_t i = 0; i < choice.arms.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if ((choice.arms[i].slot >= 0 || choice.arms[j].slot >= 0) != of_names) continue;
      const std::string& shared = shared_word(choice.arms[j].category, choice.arms[i].category);
      if (!shared.empty()) throw std::logic_error("two ways to write '" + shared + "' in one place");
    }
  }
}

std::size_t Grammar::Hash::operator()(const State& state) const {
  Digest digest;
  const auto add = [&digest](int number) { digest.add_number(static_cast<std::uint32_t>(number)); };
  add(state.rest);
  add(state.beat);
  add(state.rhyme);
  for (const int category : state.scene) add(category);
  return static_cast<std::size_t>(digest.number() ^ (digest.number() >> 32));
}

}  // namespace verse
