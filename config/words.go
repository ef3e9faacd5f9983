package config

// This file lists the words of keys that take one of a few.

import "reflect"

// words are what the values of a type may be, in the order in which people are told.
var words = map[reflect.Type][]string{
	reflect.TypeFor[RedisMode](): texts(ModeSingle, ModeSentinel, ModeCluster),
	reflect.TypeFor[LogLevel]():  texts(LevelDebug, LevelInfo, LevelWarn, LevelError),
	reflect.TypeFor[LogFormat](): texts(FormatConsole, FormatJSON),
	reflect.TypeFor[Unrouted]():  texts(UnroutedAllow, UnroutedDeny),
	reflect.TypeFor[Invalid]():   texts(InvalidReject, InvalidLog),
	reflect.TypeFor[Evolve]():    texts(EvolveNone, EvolveBackward, EvolveForward, EvolveFull),
	reflect.TypeFor[Slow]():      texts(SlowDisconnect, SlowDrop, SlowLatest),
	reflect.TypeFor[OnGap]():     texts(OnGapDisconnect, OnGapNotify),
	reflect.TypeFor[Deliver]():   texts(DeliverAll, DeliverOne),
	reflect.TypeFor[SchemaDraft](): texts(
		SchemaDraft4, SchemaDraft6, SchemaDraft7, SchemaDraft2019, SchemaDraft2020),
}

func texts[T ~string](values ...T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}
