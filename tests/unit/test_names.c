/* Function names: demangled, and short enough for a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

#include "model/names.h"

#define STRING "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"

static void names_are_what_a_person_wrote(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"main", "main"},
        {"parse.isra.0", "parse"},
        {"handle.part.2.cold", "handle"},
        {"hash.llvm.8714526", "hash"},
        {"_ZN5cache6lookupERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
         "cache::lookup(" STRING " const&)"},
        {"_ZN5cache6lookup17h0123456789abcdefE", "cache::lookup"},
        {"_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$"
         "5clone17h0123456789abcdefE",
         "<alloc::vec::Vec<T> as core::clone::Clone>::clone"},
        {"_RNvCs1234_7mycrate3foo", "_RNvCs1234_7mycrate3foo"},
        {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const"},
        {"_Znwm", "operator new(unsigned long)"},
        {"_Z", "_Z"},
        {".cold", ".cold"},
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *name = name_demangled(names[i][0]);
        assert_string_equal(name, names[i][1]);
        g_free(name);
    }
}

static void short_names_tell_functions_apart(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"main", "main"},
        {"lookup(int, char const*)", "lookup"},
        {"cache::lookup(" STRING " const&) const", "cache::lookup"},
        {"void cache::put<int>(int)", "cache::put<int>"},
        {"std::vector<int> cache::all<int>()", "cache::all<int>"},
        {"std::map<" STRING ", std::vector<int> >::operator[](" STRING " const&)",
         "std::map<...>::operator[]"},
        {STRING "::reserve(unsigned long)", "std::string::reserve"},
        {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda#1}"},
        {"run(int)::{lambda(std::vector<int>&, int)#2}::operator()(std::vector<int>&, int) const",
         "run::{lambda#2}"},
        {"void f<int>(int) const::{lambda(auto:1)#1}::operator()<int>(int) const",
         "f<int>::{lambda#1}::operator()<int>"},
        {"main::{lambda}::operator()", "main::{lambda}"},
        {"(anonymous namespace)::helper(int)", "(anonymous namespace)::helper"},
        {"operator new(unsigned long)", "operator new"},
        {"operator new[](unsigned long, std::nothrow_t const&)", "operator new[]"},
        {"operator<<(std::ostream&, point const&)", "operator<<"},
        {"std::ostream& operator<< <char>(std::ostream&, char)", "operator<< <char>"},
        {"bool operator< <int>(box<int> const&, box<int> const&)", "operator< <int>"},
        {"box<int>::operator->() const", "box<int>::operator->"},
        {"box::operator()(int)", "box::operator()"},
        {"box::operator bool() const", "box::operator bool"},
        {"box::operator std::vector<int>() const", "box::operator std::vector<int>"},
        {"decltype (f(a)) call<int>(int)", "call<int>"},
        {"auto g<int>(int) -> decltype (f(a))", "g<int>"},
        {"non-virtual thunk to shape::~shape()", "shape::~shape"},
        {"name[abi:cxx11](int)", "name[abi:cxx11]"},
        {"<alloc::vec::Vec<T> as core::clone::Clone>::clone", "<...>::clone"},
        {"operators(int)", "operators"},
        {"my_operator<int>(int)", "my_operator<int>"},
        {"unbalanced<(int)", "unbalanced<(int)"},
        {"wrong(>)", "wrong(>)"},
        {"(int)", "(int)"},
        {"f(", "f("},
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *name = name_short(names[i][0]);
        assert_string_equal(name, names[i][1]);
        g_free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_what_a_person_wrote),
        cmocka_unit_test(short_names_tell_functions_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
