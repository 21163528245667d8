#include "harness/wsl_test.h"
#include "job_path.h"

#include <elf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/rng.h"
#include "plugin/elf.h"

/* This test program itself: a shared object if it is position independent, which ours are. */
static char *own_bytes(size_t *out_size)
{
    wsl_error err = {0};
    char *bytes = NULL;
    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), "/proc/self/exe", 256 << 20, &bytes, out_size, &err), WSL_OK, "%s",
                 err.text);
    return bytes;
}

/* A shared object of our own making: one exported number, one that is only used, one that is local. */
typedef struct tiny_so {
    Elf64_Ehdr header;
    Elf64_Phdr load;
    Elf64_Shdr sections[3];
    Elf64_Sym symbols[5];
    char strings[64];
    uint32_t number;
    uint32_t more;
} tiny_so;

static Elf64_Sym symbol(uint32_t name, unsigned bind, unsigned visibility, uint16_t section, uint64_t value)
{
    return (Elf64_Sym){.st_name = name,
                       .st_info = (unsigned char)ELF64_ST_INFO(bind, STT_OBJECT),
                       .st_other = (unsigned char)visibility,
                       .st_shndx = section,
                       .st_value = value};
}

static tiny_so make_so(void)
{
    tiny_so so = {0};
    memcpy(so.header.e_ident, ELFMAG, SELFMAG);
    so.header.e_ident[EI_CLASS] = ELFCLASS64;
    so.header.e_ident[EI_DATA] = ELFDATA2LSB;
    so.header.e_type = ET_DYN;
    so.header.e_machine =
#if defined(__aarch64__)
        EM_AARCH64;
#else
        EM_X86_64;
#endif
    so.header.e_phoff = offsetof(tiny_so, load);
    so.header.e_phnum = 1;
    so.header.e_phentsize = sizeof(Elf64_Phdr);
    so.header.e_shoff = offsetof(tiny_so, sections);
    so.header.e_shnum = 3;
    so.header.e_shentsize = sizeof(Elf64_Shdr);
    so.load = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof so, .p_memsz = sizeof so + 64};
    so.sections[1] = (Elf64_Shdr){.sh_type = SHT_DYNSYM,
                                  .sh_link = 2,
                                  .sh_offset = offsetof(tiny_so, symbols),
                                  .sh_size = sizeof so.symbols,
                                  .sh_entsize = sizeof(Elf64_Sym)};
    so.sections[2] =
        (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(tiny_so, strings), .sh_size = sizeof so.strings};
    memcpy(so.strings, "\0number\0used\0local\0hidden\0bss", 30);
    so.symbols[0] = symbol(1, STB_GLOBAL, STV_DEFAULT, 3, 0x1000 + offsetof(tiny_so, number));
    so.symbols[1] = symbol(8, STB_GLOBAL, STV_DEFAULT, SHN_UNDEF, 0);
    so.symbols[2] = symbol(13, STB_LOCAL, STV_DEFAULT, 3, 0x1000);
    so.symbols[3] = symbol(19, STB_GLOBAL, STV_HIDDEN, 3, 0x1000);
    so.symbols[4] = symbol(26, STB_GLOBAL, STV_DEFAULT, 4, 0x1000 + sizeof so);
    so.number = 4711;
    return so;
}

Test(elf, reads_the_value_of_an_exported_number_and_sees_nothing_that_is_not_exported)
{
    wsl_error err = {0};
    const tiny_so so = make_so();
    wsl_elf_symbol s[] = {{.name = "number"}, {.name = "used"},  {.name = "local"},  {.name = "hidden"},
                          {.name = "bss"},    {.name = "numbe"}, {.name = "numbers"}};
    cr_assert_eq(wsl_elf_inspect("tiny.so", &so, sizeof so, s, 7, &err), WSL_OK, "%s", err.text);
    cr_assert(s[0].found && s[0].has_value);
    cr_assert_eq(s[0].value, 4711);
    cr_assert_not(s[1].found);
    cr_assert_not(s[2].found);
    cr_assert_not(s[3].found);
    cr_assert(s[4].found && !s[4].has_value, "it is not in the file");
    cr_assert_not(s[5].found);
    cr_assert_not(s[6].found);
}

static void refused(const void *bytes, size_t size, const char *sentence)
{
    wsl_error err = {0};
    wsl_elf_symbol s = {.name = "number"};
    cr_assert_eq(wsl_elf_inspect("x.so", bytes, size, &s, 1, &err), WSL_FORMAT);
    cr_assert_str_eq(err.text, sentence, "%s", err.text);
}

Test(elf, what_is_no_shared_object_for_this_machine_is_refused_in_words)
{
    static const char not_elf[] =
        "'x.so' is not a shared object (not an ELF file); a job is a .so built with -shared, or a "
        ".c or .json file";
    static const char damaged[] = "'x.so' is a damaged or truncated shared object; build it again";
    tiny_so so = make_so();
    refused("", 0, not_elf);
    refused("#!/bin/sh", 9, not_elf);
    refused(&so, 40, damaged);
    so.header.e_type = ET_REL;
    refused(&so, sizeof so, "'x.so' is an ELF file but not a shared object; link the job with -shared -fPIC");
    so = make_so();
    so.header.e_machine = EM_RISCV;
    wsl_error err = {0};
    wsl_elf_symbol s = {.name = "number"};
    cr_assert_eq(wsl_elf_inspect("x.so", &so, sizeof so, &s, 1, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "'x.so' is built for another kind of machine; build it for "), "%s", err.text);
    so = make_so();
    so.header.e_shoff = UINT64_MAX - 8;
    refused(&so, sizeof so, damaged);
    so = make_so();
    so.sections[1].sh_size = UINT64_MAX - 8;
    refused(&so, sizeof so, damaged);
    so = make_so();
    so.sections[1].sh_link = 77;
    refused(&so, sizeof so, damaged);
}

Test(elf, a_name_that_runs_out_of_the_string_table_does_not_match)
{
    wsl_error err = {0};
    tiny_so so = make_so();
    wsl_elf_symbol s = {.name = "number"};
    so.sections[2].sh_size = 7; /* the 0 behind "number" is cut off */
    cr_assert_eq(wsl_elf_inspect("x.so", &so, sizeof so, &s, 1, &err), WSL_OK);
    cr_assert_not(s.found);
    so.symbols[0].st_name = UINT32_MAX;
    cr_assert_eq(wsl_elf_inspect("x.so", &so, sizeof so, &s, 1, &err), WSL_OK);
    cr_assert_not(s.found);
}

Test(elf, no_damage_makes_it_read_outside_of_the_bytes)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (int round = 0; round < 200000; round++) {
        wsl_error err;
        tiny_so so = make_so();
        wsl_elf_symbol s[] = {{.name = "number"}, {.name = "bss"}};
        uint8_t *raw = (uint8_t *)&so;
        for (uint64_t flips = 1 + wsl_rng_below(&rng, 4); flips > 0; flips--) {
            /* the header's magic stays, most of the time the rest is looked at */
            raw[4 + wsl_rng_below(&rng, sizeof so - 4)] =
                (uint8_t)(wsl_rng_below(&rng, 3) == 0 ? 0xff : wsl_rng_next(&rng));
        }
        const size_t size = wsl_rng_below(&rng, 3) == 0 ? wsl_rng_below(&rng, sizeof so) : sizeof so;
        uint8_t *exact = wsl_alloc(size + (size == 0)); /* so that the sanitizer notices one byte too far */
        memcpy(exact, raw, size);
        (void)wsl_elf_inspect("x.so", exact, size, s, 2, &err);
        free(exact);
    }
}

Test(elf, finds_a_symbol_of_a_real_shared_object)
{
    wsl_error err = {0};
    size_t size = 0;
    char *bytes = own_bytes(&size);
    wsl_elf_symbol s[] = {{.name = "no_such_symbol_anywhere"}};
    cr_assert_eq(wsl_elf_inspect("self", bytes, size, s, 1, &err), WSL_OK, "%s", err.text);
    cr_assert_not(s[0].found);
    free(bytes);
}
