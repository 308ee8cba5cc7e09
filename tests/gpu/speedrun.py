"""Tiny Shakespeare to a validation loss of 1.47 in the least time on a GPU: which recipe, and how few steps.

Two recipes at the talk's size: `shakespeare` (chapter 4's model, AdamW), and chapter 11's model with Muon. Each is tried at several learning
rates and at fewer and fewer steps, as long as one of the rates still reaches the goal. The quickest that did is then repeated with other seeds.
The goal is a validation loss, so the choice is made on the validation split; nothing is said of any other text.
"""
import os
import statistics
import time

from machine import last_line, number

GOAL = 1.47
SHORTER = 0.75     # each round of steps to the one before
FEWEST = 100       # steps; fewer are no training of this size
SEEDS = (1, 2, 3)  # the first is the search's
TALKS_SIZE = ("--layers", "6", "--heads", "6", "--width", "384", "--context", "256", "--batch-size", "64", "--dropout", "0.2")
RECIPES = {
    "shakespeare": {"flags": ("--preset", "shakespeare"), "rates": (0.001, 0.002, 0.003), "least": 0.1, "steps": 3000},
    "speedrun at the talk's size": {"flags": ("--preset", "speedrun", *TALKS_SIZE), "rates": (0.0125, 0.025), "least": 0, "steps": 1000},
}


def flags_of(recipe, rate, steps):
    """The command line of a training. It looks at the validation loss after each eighth of its steps, and stops at the goal."""
    return (*recipe["flags"], "--steps", str(steps), "--learning-rate", f"{rate:g}", "--min-learning-rate", f"{rate * recipe['least']:g}",
            "--eval-every", str(max(1, steps // 8)))


def search(train, recipes, goal, seconds, now=time.monotonic):
    """The quickest training that reaches the goal with every seed.

    The recipes share two thirds of the time equally, and what one leaves goes to the next. The rest is for other seeds.

    @param train(name, flags, seed, seconds) trains once, for so many seconds at most: (best validation loss, seconds of the whole command); a loss
    of None where it failed
    @param seconds no training begins later than this many after the first
    @return the trials in their order; the chosen one with its seeds' losses and times, or None; and whether time has run out before the search was through
    """
    began, trials, cut = now(), [], False

    def left(until):
        return began + until - now()

    def tried(name, rate, steps, seed, until):
        loss, took = train(name, flags_of(recipes[name], rate, steps), seed, left(until))
        trials.append({"recipe": name, "rate": rate, "steps": steps, "seed": seed, "loss": loss, "seconds": took, "reached": loss is not None and loss <= goal})
        return trials[-1]

    for place, (name, recipe) in enumerate(recipes.items(), 1):
        until = seconds * 2 / 3 * place / len(recipes)
        steps, reached = recipe["steps"], True
        while reached and steps >= FEWEST:
            reached = False
            for rate in recipe["rates"]:
                if left(until) <= 0:
                    cut = True
                    break
                reached = tried(name, rate, steps, SEEDS[0], seconds)["reached"] or reached
            steps = int(steps * SHORTER)
    # A lucky seed is no recipe: where another seed misses the goal, the next slower trial is asked.
    for best in sorted((trial for trial in trials if trial["reached"]), key=lambda trial: trial["seconds"]):
        seeds = [best]
        for seed in SEEDS[1:]:
            if left(seconds) <= 0:
                return trials, None, True
            if seeds[-1]["reached"]:
                seeds.append(tried(best["recipe"], best["rate"], best["steps"], seed, seconds))
        if len(seeds) == len(SEEDS) and seeds[-1]["reached"]:
            return trials, {**best, "losses": [trial["loss"] for trial in seeds], "all_seconds": [trial["seconds"] for trial in seeds],
                            "seconds": statistics.median(trial["seconds"] for trial in seeds)}, cut
    return trials, None, cut


def time_goal(machine, report, seconds, goal=GOAL, recipes=None):
    """Searches on this machine, and notes what it finds."""
    section, count = f"to a validation loss of {goal}", 0
    if goal == GOAL and "shakespeare" not in os.path.basename(machine.options.text or ""):
        return report.check(section, None, f"{goal} is a goal for tiny Shakespeare, and this is another text")

    def train(name, flags, seed, most):
        nonlocal count
        count += 1
        status, text, errors, took = machine.train(f"goal-{count}", *flags, "--seed", str(seed), "--stop-at-loss", str(goal), timeout=max(1, most))
        loss = number(r"the best model: validation loss ([0-9.]+)", text) if status == 0 else None
        if status != 0:
            print(f"         {name}, {' '.join(flags[-8:])}: {last_line(errors) or 'no time was left'}", flush=True)
        return loss, took

    trials, best, cut = search(train, recipes or RECIPES, goal, seconds)
    report.output(section, "\n".join(
        f"{trial['recipe']:28} rate {trial['rate']:<7g} {trial['steps']:5} steps at most, seed {trial['seed']}: "
        + ("failed" if trial["loss"] is None else f"{trial['loss']:.3f} after {trial['seconds']:.1f} s") for trial in trials))
    # Some rates are too high for a training, not all of them.
    report.check("trainings " + section, any(trial["loss"] is not None for trial in trials), f"{len(trials)} trainings")
    report.note(section, trainings=len(trials), search="ended by its time" if cut else "whole")
    if best:
        report.note(section, recipe=best["recipe"], learning_rate=best["rate"], steps_at_most=best["steps"], median_wall_seconds=best["seconds"],
                    wall_seconds=best["all_seconds"], losses=best["losses"])
    else:
        report.note(section, chosen="none: with each seed it was reached by no recipe that was tried")
    return None
