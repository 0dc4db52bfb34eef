#!/bin/bash
# What stands for a forge where the examples of a page are run: a bare repository with a protected main.
#
#   forge new                 make it; main takes pushes from this program alone
#   forge merge HOW BRANCH    the button below a pull request: squash, rebase or merge; a * in BRANCH is any letters
#   forge job COMMAND...      a CI job for main: one commit, no tags, a detached head
#   forge job-of TAG COMMAND...    a CI job that a tag started
set -euo pipefail
place=$HOME/forge
export FORGE=yes GIT_AUTHOR_NAME=Forge GIT_AUTHOR_EMAIL=forge@example.com
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

clone() {
  cd "$(mktemp -d -p "$place")"
  git init -q . && git remote add origin "file://$place/models.git"
}

what=$1
shift
case $what in
new)
  mkdir "$place" && git init -q --bare "$place/models.git"
  cat >"$place/models.git/hooks/pre-receive" <<'HOOK'
#!/bin/sh
while read -r old new ref; do
  if [ "$ref" = refs/heads/main ] && [ -z "$FORGE" ]; then
    echo "main is protected; open a pull request"
    exit 1
  fi
done
HOOK
  chmod +x "$place/models.git/hooks/pre-receive"
  ;;
merge)
  clone
  git fetch -q --no-tags origin && git switch -q -c main origin/main
  branch=$(git for-each-ref --format='%(refname:lstrip=3)' "refs/remotes/origin/$2")
  case $1 in
  squash) git merge -q --squash "origin/$branch" >log 2>&1 && rm log && git commit -q -m "$branch (#1)" ;;
  rebase) git switch -q -c rebased "origin/$branch" && git rebase -q main >log 2>&1 && git switch -q main && git merge -q rebased ;;
  merge) git merge -q --no-ff -m "Merge $branch" "origin/$branch" >log 2>&1 ;;
  esac || {
    grep CONFLICT log
    echo "forge: $branch cannot be merged"
    exit 1
  }
  git push -q origin main
  echo "forge: merged $branch"
  ;;
job)
  clone
  git fetch -q --depth 1 --no-tags origin +main:refs/remotes/origin/main
  git checkout -q --detach origin/main
  "$@"
  ;;
job-of)
  clone
  git fetch -q --depth 1 --no-tags origin "+refs/tags/$1:refs/tags/$1"
  git checkout -q --detach "refs/tags/$1"
  shift
  "$@"
  ;;
esac
