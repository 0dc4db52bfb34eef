#!/bin/sh
# Stands before the real Git on PATH: counts the processes, and lets a fault strike the one that is meant.
d=$FAULT_DIR
n=0
[ -f "$d/count" ] && read -r n <"$d/count"
n=$((n + 1))
echo $n >"$d/count"

trace() { # strace, to be followed by its further options
	log=$1
	shift
	exec strace -q -y -o "$log" -e "trace=$FAULT_SET" "$@"
}

# The program dies, but Git has got all of its input, as if it had died a little later.
orphan() {
	case " $* " in
	*" cat-file "*) ;;
	*) cat >"$d/input" ;;
	esac
	kill -9 $PPID
}

case $FAULT_MODE in
map)
	for word; do case $word in -c | *=*) ;; *) break ;; esac done
	echo "$word" >>"$d/verbs"
	trace "$d/trace.$n" "$FAULT_GIT" "$@"
	;;
answers) exec "$FAULT_PYTHON" -SE "$FAULT_CUTTER" record "$d/answer.$n" "$FAULT_GIT" "$@" ;;
esac

[ "$n" = "$FAULT_PROCESS" ] || exec "$FAULT_GIT" "$@"
[ -e "$GIT_DIR/modelver/journal" ] && : >"$d/journal"
[ -e "$d/input" ] || : >"$d/input"

case $FAULT_MODE in
kill) trace "$d/trace" -e "inject=$FAULT_CALL:signal=SIGKILL:when=$FAULT_AT" "$FAULT_GIT" "$@" ;;
nospace) trace "$d/trace" -e "inject=$FAULT_CALL:error=ENOSPC:when=$FAULT_AT" "$FAULT_GIT" "$@" ;;
flush) trace "$d/trace" -e "inject=$FAULT_CALL:error=EIO:when=$FAULT_AT" "$FAULT_GIT" "$@" ;;
both)
	orphan "$@"
	exec <"$d/input" >"$d/output" 2>&1
	trace "$d/trace" -e "inject=$FAULT_CALL:signal=SIGKILL:when=$FAULT_AT" "$FAULT_GIT" "$@"
	;;
before)
	kill -9 $PPID
	;;
after)
	case " $* " in
	*" cat-file "*) kill -9 $PPID ;;
	*)
		"$FAULT_GIT" "$@" >"$d/output" 2>&1
		kill -9 $PPID
		;;
	esac
	;;
orphan)
	orphan "$@"
	exec "$FAULT_GIT" "$@" <"$d/input" >"$d/output" 2>&1
	;;
orphan-pipe) # its answers meet a broken pipe
	orphan "$@"
	exec "$FAULT_GIT" "$@" <"$d/input"
	;;
orphan-slow)
	orphan "$@"
	exec <"$d/input" >"$d/output" 2>&1
	trace "$d/trace" -e "inject=$FAULT_SET:delay_enter=15000" "$FAULT_GIT" "$@"
	;;
cut | cut-killed) exec "$FAULT_PYTHON" -SE "$FAULT_CUTTER" "$FAULT_MODE" "$FAULT_AT" "$FAULT_GIT" "$@" ;;
esac
